package storagetest

import (
	"bytes"
	"context"
	"errors"

	"github.com/gormtrail/audit"
)

func isKeyStore(s audit.Store) bool {
	_, ok := s.(audit.KeyStore)
	return ok
}

var keyContracts = []contract{
	{name: "key/one", why: "A KeyStore's key has 32 random bytes, is always the same, and belongs to the caller.", has: isKeyStore, run: tryKey},
	{name: "key/context ended", why: "With a context that is done, Key returns its error.", has: isKeyStore, run: tryKeyContext},
}

func tryKey(c *trial) {
	keeper := c.store.(audit.KeyStore)
	first, err := keeper.Key(c.ctx, nil)
	if errors.Is(err, errors.ErrUnsupported) {
		c.t.Skip("the store wraps one that keeps no key")
	}
	if err != nil {
		c.broken("Key: %v", err)
	}
	if len(first) != audit.KeySize || bytes.Count(first, first[:1]) == len(first) {
		c.broken("the key is %x", first)
	}
	kept := bytes.Clone(first)
	clear(first)
	c.append(c.entries(3)...)
	again, err := keeper.Key(c.ctx, nil)
	if err != nil || !bytes.Equal(kept, again) {
		c.broken("asked again, Key returned %x and %v, where it was %x", again, err, kept)
	}
}

func tryKeyContext(c *trial) {
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	_, err := c.store.(audit.KeyStore).Key(ctx, nil)
	c.wantError(err, context.Canceled, "Key with a cancelled context")
}

func tryTxKey(c *txTrial) {
	keeper, ok := c.store.(audit.KeyStore)
	if !ok {
		c.t.Skipf("a %T keeps no key", c.store)
	}
	defer c.db.SetMaxOpenConns(c.db.Stats().MaxOpenConnections) // other subtests may share it
	c.db.SetMaxOpenConns(1)
	tx := c.begin()
	through, err := keeper.Key(c.ctx, tx)
	if err != nil {
		c.broken("Key through a transaction: %v", err)
	}
	c.appendTx(tx, c.entries(2)...)
	c.end(tx, true)
	own, err := keeper.Key(c.ctx, nil)
	if err != nil || !bytes.Equal(through, own) {
		c.broken("Key returned %x through the transaction, and %x and %v after it", through, own, err)
	}
}
