package slack

import (
	"cmp"
	"slices"
)

// Manifest describes the Slack app that warden is, for Slack's "create an app from
// a manifest". base is where Slack reaches HTTP mode, such as
// "https://warden.example.net"; empty for a socket. It marshals to JSON.
func Manifest(name, base string) map[string]any {
	name = cmp.Or(name, "warden")
	var scopes []string
	for _, one := range Scopes() {
		scopes = append(scopes, one[0])
	}
	slices.Sort(scopes)
	command := map[string]any{"command": "/warden", "description": "What warden sees, wants and did", "usage_hint": "why W-1042 | drain HOST | hold HOST 4h REASON | freeze REASON | help", "should_escape": false}
	events := map[string]any{"bot_events": []string{"app_home_opened", "app_mention"}}
	interact := map[string]any{"is_enabled": true}
	if base != "" {
		command["url"], events["request_url"], interact["request_url"] = base+"/slack/command", base+"/slack/events", base+"/slack/interact"
	}
	return map[string]any{
		"display_information": map[string]any{"name": name, "description": "Takes bad hosts out of service, as far as you trust it to"},
		"features": map[string]any{
			"app_home":       map[string]any{"home_tab_enabled": true},
			"bot_user":       map[string]any{"display_name": name, "always_online": true},
			"slash_commands": []any{command},
		},
		"oauth_config": map[string]any{"scopes": map[string]any{"bot": scopes}},
		"settings": map[string]any{
			"event_subscriptions": events, "interactivity": interact, "org_deploy_enabled": false, "socket_mode_enabled": base == "", "token_rotation_enabled": false,
		},
	}
}
