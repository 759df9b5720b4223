package export

import (
	"strconv"

	"github.com/gormtrail/audit"
)

// tone is the colour of an action's pill: a pale ground and a dark ink of at
// least 4.5:1 on it (WCAG 2.2, 1.4.3), as hexadecimal RGB.
type tone struct{ ground, ink string }

var (
	toneGreen  = tone{"DCFCE7", "166534"}
	toneBlue   = tone{"DBEAFE", "1E40AF"}
	toneRed    = tone{"FEE2E2", "991B1B"}
	toneViolet = tone{"EDE9FE", "5B21B6"}
	toneAmber  = tone{"FEF3C7", "854D0E"}
	toneSlate  = tone{"E2E8F0", "334155"}
)

// tones are all that toneOf returns.
func tones() []tone {
	return []tone{toneGreen, toneBlue, toneRed, toneViolet, toneAmber, toneSlate}
}

// toneOf colours the actions of capture by what they do, and every other by the
// catalogue's severity.
func (t *Table) toneOf(a Action) tone {
	switch a {
	case audit.ActionCreate:
		return toneGreen
	case audit.ActionUpdate:
		return toneBlue
	case audit.ActionDestroy:
		return toneRed
	case audit.ActionRestore:
		return toneViolet
	}
	switch t.severities.Action(string(a)).Severity {
	case audit.Alarm:
		return toneRed
	case audit.Warning:
		return toneAmber
	}
	return toneSlate
}

// rgb splits a tone's colour.
func rgb(hex string) (r, g, b int) {
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		return 0, 0, 0 // colours of our own
	}
	return int(n >> 16), int(n >> 8 & 0xff), int(n & 0xff)
}
