package hooks_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
)

const canary = "canary-7f3a9"

type setting struct {
	ID          uint
	AppID       string
	Key         string
	Value       string
	Backup      []byte
	Size        int
	Description string
}

// TestSettingsOfSecrets: in a table of settings the key says whether the row's other
// texts are secrets, whichever columns changed.
func TestSettingsOfSecrets(t *testing.T) {
	h := newHost(t, setup{models: []any{&setting{}}})
	s := setting{ID: 1, AppID: "mail", Key: "smtp.password", Value: canary, Backup: []byte(canary), Size: 3, Description: "of the relay"}
	require.NoError(t, h.db.Create(&s).Error)
	require.NoError(t, h.db.Model(&s).Update("value", canary+"2").Error)
	require.NoError(t, h.db.Model(&s).Updates(map[string]any{"key": "smtp.host", "value": "mail"}).Error, "the old value is a secret's")
	require.NoError(t, h.db.Model(&s).Update("value", "mail2").Error)
	require.NoError(t, h.db.Model(&s).Updates(map[string]any{"key": "GitHubClientSecret", "value": canary}).Error)
	require.NoError(t, h.db.Delete(&s).Error)
	require.Equal(t, []string{
		"create settings 1 +id=1 +app_id=mail +key=smtp.password +value=[masked] +backup=[masked] +size=3 +description=of the relay",
		"update settings 1 value:[masked]→[masked]",
		"update settings 1 key:smtp.password→smtp.host value:[masked]→[masked]",
		"update settings 1 value:mail→mail2",
		"update settings 1 key:smtp.host→GitHubClientSecret value:[masked]→[masked]",
		"destroy settings 1 -id=1 -app_id=mail -key=GitHubClientSecret -value=[masked] -backup=[masked] -size=3 -description=of the relay",
	}, h.lines())
}

type apiKey struct {
	ID             uint
	Name           string
	Key            string
	PIN            int
	MaxTokens      int
	PromptTokens   int64
	RejectPassword bool
	Token          int // whose column holds a text, as SQLite allows
	Request        string
	Env            []map[string]any `gorm:"serializer:json"`
}

// TestNamesTypesAndTables: the rule reads a column's type and its table's name, and
// looks into texts and JSON.
func TestNamesTypesAndTables(t *testing.T) {
	h := newHost(t, setup{models: []any{&apiKey{}}})
	k := apiKey{
		ID: 1, Name: "ci", Key: canary, PIN: 1234, MaxTokens: 9, PromptTokens: 8, RejectPassword: true, Token: 7, Request: `{"token":"` + canary + `"}`,
		Env: []map[string]any{{"name": "DB_PASSWORD", "value": canary}, {"name": "PORT", "value": "1"}},
	}
	require.NoError(t, h.db.Create(&k).Error)
	require.NoError(t, h.db.Model(&apiKey{}).Where("id = 1").Update("token", gorm.Expr("'"+canary+"'")).Error)
	require.NoError(t, h.db.Model(&apiKey{}).Where("id = 1").Update("request", `{"token":"`+canary).Error)
	require.NoError(t, h.db.Model(&apiKey{}).Where("id = 1").Update("request", "{\"token\":\""+canary+"\xff\"}").Error, "not UTF-8")
	k.Env = []map[string]any{{"name": "DB_PASSWORD", "value": canary + "2"}, {"name": "PORT", "value": "2"}}
	require.NoError(t, h.db.Model(&k).Select("env").Updates(&k).Error)
	require.Equal(t, []string{
		"create api_keys 1 +id=1 +name=ci +key=[masked] +pin=[masked] +max_tokens=9 +prompt_tokens=8 +reject_password=true +token=7 " +
			`+request={"token":"[masked]"} +env=[map[name:DB_PASSWORD value:[masked]] map[name:PORT value:1]]`,
		"update api_keys 1 token:[masked]→[masked]",
		"update api_keys 1 request:[masked]→[masked]",
		"update api_keys 1 request:[masked]→[masked]",
		"update api_keys 1 env[0].value:[masked]→[masked] env[1].value:1→2",
	}, h.lines())
}

// TestNamesByOption: what the options add and except holds for captured rows.
func TestNamesByOption(t *testing.T) {
	h := newHost(t, setup{models: []any{&apiKey{}}, trail: &audit.Options{Redaction: &audit.Redaction{
		Secrets: []string{"maxTokens", "apiKeys.name"}, Except: []string{"api_key.key", "pin"},
	}}})
	require.NoError(t, h.db.Create(&apiKey{ID: 1, Name: "ci", Key: "k", PIN: 1234, MaxTokens: 9}).Error)
	require.Contains(t, h.lines()[0], "+name=[masked] +key=k +pin=1234 +max_tokens=[masked]")
}

// TestHashesHaveADomain: equal values of two tenants or two columns have other hashes.
func TestHashesHaveADomain(t *testing.T) {
	type person struct {
		ID    uint
		Email string `audit:"hash"`
		Login string `audit:"hash"`
	}
	h := newHost(t, setup{models: []any{&person{}}, trail: &audit.Options{Redaction: &audit.Redaction{HashKey: []byte("k")}}})
	for _, tenant := range []string{"acme", "umbrella", "acme"} {
		ctx := audit.WithTenant(context.Background(), tenant, "")
		require.NoError(t, h.db.WithContext(ctx).Create(&person{Email: "a@b", Login: "a@b"}).Error)
	}
	var hashes []any
	for _, e := range h.entries() {
		hashes = append(hashes, e.Changes[1].New, e.Changes[2].New)
	}
	require.Equal(t, hashes[:2], hashes[4:], "one tenant's are equal")
	require.NotEqual(t, hashes[0], hashes[1])
	require.NotEqual(t, hashes[0], hashes[2])
	require.NotEqual(t, hashes[1], hashes[3])
}

// TestTextsInDoubleQuotes: SQLite takes "x" for a text where no column is called x.
func TestTextsInDoubleQuotes(t *testing.T) {
	h := newHost(t, setup{})
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error) // so that the table's names are known
	require.NoError(t, h.db.Exec(`UPDATE "items" SET "name" = "`+canary+`" WHERE "items"."qty" IS NOT DISTINCT FROM "`+canary+`"`).Error)
	require.NoError(t, h.db.Exec(`INSERT INTO items("name", qty) VALUES ("`+canary+`", 1), ('x', 2)`).Error)
	for _, e := range h.entries()[1:] {
		require.NotContains(t, e.Metadata["statement"], canary)
	}
	require.Equal(t, `UPDATE "items" SET "name" = ? WHERE "items"."qty" IS NOT DISTINCT FROM ?`, h.entries()[1].Metadata["statement"])
	require.Equal(t, `INSERT INTO items("name", qty) VALUES (?, ?), (?, ?)`, h.entries()[2].Metadata["statement"])
}

// TestFailedTextsSayWhy: the entry of a text that failed has the database's message,
// without the values in it.
func TestFailedTextsSayWhy(t *testing.T) {
	h := newHost(t, setup{})
	err := h.db.Transaction(func(tx *gorm.DB) error {
		failed := tx.Exec(`UPDATE items SET qty = 9; UPDATE items SET name = "` + canary + `" WHERE "` + canary + `" = nowhere`).Error
		if failed == nil {
			return errors.New("it should fail")
		}
		return nil
	})
	require.NoError(t, err)
	e := h.entries()[0]
	require.Equal(t, audit.Failure, e.Outcome)
	require.Contains(t, e.Error, "no such column")
	require.NotContains(t, e.Error+e.Metadata["statement"].(string), canary)
	require.False(t, strings.Contains(e.Error, "nowhere"), "what SQLite takes for a column may be a text")
}
