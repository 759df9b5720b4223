package viewer

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// zoneCookie remembers the zone that was chosen in this browser.
const zoneCookie = "av-tz"

// someZones are the choices of the zone menu where Options.Zones names none.
var someZones = []string{
	"America/Los_Angeles", "America/Denver", "America/Chicago", "America/New_York", "America/Sao_Paulo", "Europe/London", "Europe/Berlin",
	"Europe/Athens", "Africa/Johannesburg", "Asia/Dubai", "Asia/Kolkata", "Asia/Singapore", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland",
}

// loadZones returns what the zone menu offers: UTC, the host's location, and the
// zones of its list.
func loadZones(opts *Options, location *time.Location) ([]*time.Location, error) {
	list := []*time.Location{time.UTC}
	if location.String() != "UTC" {
		list = append(list, location)
	}
	names := opts.Zones
	if names == nil {
		names = someZones
	}
	for _, name := range names {
		zone, err := time.LoadLocation(name)
		switch {
		case err == nil && name != "Local" && name != "":
			if !slices.ContainsFunc(list, func(have *time.Location) bool { return have.String() == zone.String() }) {
				list = append(list, zone)
			}
		case opts.Zones != nil:
			return nil, fmt.Errorf("viewer: Options.Zones: %q is not a time zone that this server knows", name)
		}
	}
	return list, nil
}

// rememberedZone adds the zone that this browser chose before to a page's query. A
// link with dates says itself which days it means.
func rememberedZone(r *http.Request, values url.Values) {
	cookie, err := r.Cookie(zoneCookie)
	if err != nil || asksJSON(r) || values.Get("tz") != "" || values.Get("from") != "" || values.Get("to") != "" || values.Get("export") != "" || values.Get("live") != "" {
		return
	}
	name, err := url.PathUnescape(cookie.Value)
	if err != nil || name == "Local" || len(name) > 100 {
		return
	}
	if _, err := time.LoadLocation(name); err == nil {
		values.Set("tz", name)
	}
}

// zoneLink is a choice of the zone menu.
type zoneLink struct {
	Name, Offset, Href string
	Now                bool
}

// Zones are the choices of the zone menu, the one in use among them.
func (p listPage) Zones() []zoneLink {
	zones := p.zones
	if !slices.ContainsFunc(zones, func(z *time.Location) bool { return z.String() == p.zone.String() }) {
		zones = append([]*time.Location{p.zone}, zones...)
	}
	list := make([]zoneLink, len(zones))
	for i, z := range zones {
		list[i] = zoneLink{Name: z.String(), Href: p.with("tz", z.String()), Now: z.String() == p.zone.String()}
		if list[i].Name != "UTC" {
			list[i].Offset = "UTC" + p.now.In(z).Format("-07:00")
		}
	}
	return list
}

// ZoneLink is the list in a zone that the script fills in.
func (p listPage) ZoneLink() string { return p.with("tz", "") }
