package pager

import "testing"

// An address of an incident is PagerDuty's, or that of the server which the config
// names: what anybody else answers leads nowhere.
func TestIncidentLinks(t *testing.T) {
	t.Parallel()
	const q = "/incidents/Q2K5M8XW3T"
	for _, c := range []struct{ link, api, want string }{
		{"https://acme.pagerduty.com" + q, "", "https://acme.pagerduty.com" + q},
		{"https://acme.eu.pagerduty.com" + q, "https://api.eu.pagerduty.com", "https://acme.eu.pagerduty.com" + q},
		{"https://acme.pagerduty.com" + q, "https://gate.example.net/pd", "https://acme.pagerduty.com" + q},
		{"https://acme.pager.example.net" + q, "https://api.pager.example.net", "https://acme.pager.example.net" + q},
		{"http://127.0.0.1:8088/pager#Q2", "http://127.0.0.1:8088", "http://127.0.0.1:8088/pager#Q2"},
		{"http://127.0.0.1:8089/pager#Q2", "http://127.0.0.1:8088", ""},
		{"http://acme.pagerduty.com" + q, "", ""},
		{"https://acme.pagerduty.com:8443" + q, "", ""},
		{"https://acme.pagerduty.com.evil.example" + q, "", ""},
		{"https://evilpagerduty.com" + q, "", ""},
		{"https://evil.example/?acme.pagerduty.com" + q, "", ""},
		{"https://acme.pagerduty.com@evil.example" + q, "", ""},
		{"https://sam:pw@acme.pagerduty.com" + q, "", ""},
		{"https://evil.com" + q, "https://api.com", ""},
		{"javascript:alert(1)", "", ""},
		{"javascript://127.0.0.1:8088/%0aalert(1)", "javascript://127.0.0.1:8088", ""},
		{"//acme.pagerduty.com" + q, "", ""},
		{"", "", ""},
	} {
		if got := incidentLink(c.link, c.api); got != c.want {
			t.Errorf("incidentLink(%q, %q) = %q, want %q", c.link, c.api, got, c.want)
		}
	}
}
