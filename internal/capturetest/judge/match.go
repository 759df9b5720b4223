package judge

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/gormtrail/audit"
)

// Compare matches what is owed, in the order in which it happened, with the
// row entries of a trail, oldest first, and says in sentences what is wrong.
// Nothing means that the trail tells exactly what happened.
//
// Entries of other actions than the four of rows are left out, save that those of
// the action execute stand for statements that Expected.Executed numbers.
func Compare(expected []Expected, entries []audit.Entry) []string {
	m := &matcher{tx: map[string]string{}, txOf: map[string]string{}, executed: map[int]Expected{}}
	m.checkEntries(entries)
	owed := make(map[string][]Expected)
	got := make(map[string][]audit.Entry)
	for _, e := range entries {
		if rowAction(e.Action) {
			k := e.Object.Type + " " + e.Object.ID
			got[k] = append(got[k], e)
		}
	}
	for _, e := range expected {
		k := e.Type + " " + e.WasID // a changed key is a change of the row that had the old one
		owed[k] = append(owed[k], e)
	}
	for _, k := range keysOf(owed, got) {
		if strings.HasSuffix(k, " ") {
			m.unordered(owed[k], got[k])
		} else {
			m.ordered(owed[k], got[k])
		}
	}
	m.checkExecuted(entries)
	return m.wrong
}

func rowAction(a string) bool {
	return slices.Contains([]string{audit.ActionCreate, audit.ActionUpdate, audit.ActionDestroy, audit.ActionRestore}, a)
}

func keysOf(owed map[string][]Expected, got map[string][]audit.Entry) []string {
	set := map[string]bool{}
	for k := range owed {
		set[k] = true
	}
	for k := range got {
		set[k] = true
	}
	var list []string
	for k := range set {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}

type matcher struct {
	wrong    []string
	tx, txOf map[string]string // the database's transaction to the trail's, and back
	executed map[int]Expected  // of each statement that has rows without an entry, one of them
}

// missing notes that a row has no entry.
func (m *matcher) missing(e Expected) {
	if e.Executed == 0 {
		m.say("MISSING: %s", e)
		return
	}
	m.executed[e.Executed] = e
}

// checkExecuted looks for an entry for each statement whose rows have none.
func (m *matcher) checkExecuted(entries []audit.Entry) {
	found := 0
	for _, e := range entries {
		if e.Action == audit.ActionExecute {
			found++
		}
	}
	if found < len(m.executed) {
		for _, e := range m.executed {
			m.say("MISSING: %d statements changed rows such as %s; %d entries say execute", len(m.executed), e, found)
			return
		}
	}
}

func (m *matcher) say(format string, args ...any) {
	m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
}

// checkEntries looks at what every entry must have.
func (m *matcher) checkEntries(entries []audit.Entry) {
	seen := map[string]bool{}
	for _, e := range entries {
		if seen[e.ID] {
			m.say("DIFFERENT: two entries have the ID %s", e.ID)
		}
		seen[e.ID] = true
		if rowAction(e.Action) && e.TransactionID == "" {
			m.say("DIFFERENT: %s has no transaction ID", Describe(e))
		}
	}
}

// ordered matches one row's entries, which must come in the order of its steps.
func (m *matcher) ordered(owed []Expected, got []audit.Entry) {
	if len(owed) == len(got) {
		m.inPairs(owed, got)
		return
	}
	// The longest common part tells what is missing or invented in between.
	length := commonLengths(owed, got)
	i, j := 0, 0
	for i < len(owed) || j < len(got) {
		switch {
		case i < len(owed) && j < len(got) && len(differences(owed[i], got[j])) == 0:
			m.pair(owed[i], got[j])
			i, j = i+1, j+1
		case j == len(got) || i < len(owed) && length[i+1][j] >= length[i][j+1]:
			m.missing(owed[i])
			i++
		default:
			m.say("INVENTED: %s", Describe(got[j]))
			j++
		}
	}
}

func commonLengths(owed []Expected, got []audit.Entry) [][]int {
	length := make([][]int, len(owed)+1)
	for i := range length {
		length[i] = make([]int, len(got)+1)
	}
	for i := len(owed) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if len(differences(owed[i], got[j])) == 0 {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	return length
}

func (m *matcher) inPairs(owed []Expected, got []audit.Entry) {
	clean := true
	for i := range owed {
		clean = clean && len(differences(owed[i], got[i])) == 0
	}
	if !clean && isPermutation(owed, got) {
		m.say("OUT OF ORDER: %s %s: the entries are right, in the order %s; it happened in the order %s",
			owed[0].Type, owed[0].ID, describeAll(got), expectedAll(owed))
		return
	}
	for i := range owed {
		m.pair(owed[i], got[i])
	}
}

func isPermutation(owed []Expected, got []audit.Entry) bool {
	left := slices.Clone(got)
	for _, o := range owed {
		j := slices.IndexFunc(left, func(g audit.Entry) bool { return len(differences(o, g)) == 0 })
		if j < 0 {
			return false
		}
		left = slices.Delete(left, j, j+1)
	}
	return true
}

// unordered matches the entries of a table without a key: its rows can't be
// told apart but by their values.
func (m *matcher) unordered(owed []Expected, got []audit.Entry) {
	used := make([]bool, len(got))
	var left []Expected
	for _, o := range owed {
		j := -1
		for i, g := range got {
			if !used[i] && len(differences(o, g)) == 0 && m.fits(o, g) {
				j = i
				break
			}
		}
		if j < 0 {
			left = append(left, o)
			continue
		}
		used[j] = true
		m.pair(o, got[j])
	}
	for _, o := range left {
		m.missing(o)
	}
	for i, g := range got {
		if !used[i] {
			m.say("INVENTED: %s", Describe(g))
		}
	}
}

// fits reports whether the two transactions may be the same one.
func (m *matcher) fits(o Expected, g audit.Entry) bool {
	known, ok := m.tx[o.Tx]
	return !ok || known == g.TransactionID
}

// pair reports what differs between an expected entry and the one found, and
// that entries of one transaction share its ID, and no others do.
func (m *matcher) pair(o Expected, g audit.Entry) {
	for _, d := range differences(o, g) {
		m.say("DIFFERENT: %s: %s\n\tgot %s", o, d, Describe(g))
	}
	if known, ok := m.tx[o.Tx]; ok && known != g.TransactionID {
		m.say("DIFFERENT: %s: transaction %s has the IDs %s and %s", o, o.Tx, known, g.TransactionID)
	}
	if known, ok := m.txOf[g.TransactionID]; ok && known != o.Tx {
		m.say("DIFFERENT: %s: the transaction ID %s stands for the transactions %s and %s", o, g.TransactionID, known, o.Tx)
	}
	m.tx[o.Tx], m.txOf[g.TransactionID] = g.TransactionID, o.Tx
}

// String names what was owed.
func (e Expected) String() string {
	id := e.ID
	if e.WasID != e.ID {
		id = e.WasID + " (now " + e.ID + ")"
	}
	var parts []string
	for _, f := range e.Fields {
		switch {
		case e.Old == nil:
			parts = append(parts, fmt.Sprintf("+%s=%s", f, show(e.New[f])))
		case e.New == nil:
			parts = append(parts, fmt.Sprintf("-%s=%s", f, show(e.Old[f])))
		default:
			parts = append(parts, fmt.Sprintf("%s: %s -> %s", f, show(e.Old[f]), show(e.New[f])))
		}
	}
	return fmt.Sprintf("%s %s %q {%s} (transaction %s, step %d)", e.Action, e.Type, id, strings.Join(parts, ", "), e.Tx, e.Seq)
}

// Describe names an entry in the words that are used for what was owed.
func Describe(e audit.Entry) string {
	var parts []string
	for _, c := range e.Changes {
		switch c.Op {
		case audit.OpAdd:
			parts = append(parts, fmt.Sprintf("+%s=%s", c.Field, show(c.New)))
		case audit.OpRemove:
			parts = append(parts, fmt.Sprintf("-%s=%s", c.Field, show(c.Old)))
		default:
			parts = append(parts, fmt.Sprintf("%s: %s -> %s", c.Field, show(c.Old), show(c.New)))
		}
	}
	return fmt.Sprintf("%s %s %q {%s}", e.Action, e.Object.Type, e.Object.ID, strings.Join(parts, ", "))
}

func describeAll(list []audit.Entry) string {
	var parts []string
	for _, e := range list {
		parts = append(parts, Describe(e))
	}
	return strings.Join(parts, "; ")
}

func expectedAll(list []Expected) string {
	var parts []string
	for _, e := range list {
		parts = append(parts, e.String())
	}
	return strings.Join(parts, "; ")
}
