package fakepager

// Rule is one thing that PagerDuty's documentation says and that the server
// holds its callers to.
type Rule struct {
	// Name is what the rule's test is called.
	Name string
	// Says is the rule in words; Limit its number, empty for none.
	Says, Limit string
	// Page is where it is written: a file of github.com/PagerDuty/developer-docs
	// below docs/, or an issue of github.com/PagerDuty/go-pagerduty.
	Page string
}

// The limits.
const (
	maxDedup       = 255
	maxSummary     = 1024
	maxPayload     = 512 << 10
	routingKeyLen  = 32
	eventsPerMin   = 120
	restPerMin     = 960
	defaultPage    = 25
	maxPage        = 100
	maxRecords     = 10_000
	hookAttempts   = 5
	hookDrops      = 3
	hookAnswerSecs = 5
)

// Rules is every rule that is enforced. The slice is the caller's.
func Rules() []Rule {
	const (
		events, trigger, change, eventLimits = "events-API-v2/01-Overview.md", "events-API-v2/02-Trigger-Events.md", "events-API-v2/03-Change-Events.md", "events-API-v2/05-Rate-Limits.md"
		auth, version, limits, pages, errors = "REST-API/02-Authentication.md", "REST-API/03-Versioning.md", "REST-API/04-Rate-Limits.md", "REST-API/09-Pagination.md", "REST-API/14-Errors.md"
		hooks, signatures                    = "webhooks/02-Behavior.md", "webhooks/04-Signatures.md"
		from                                 = "go-pagerduty issues 336, 337"
	)
	return []Rule{
		{"event_json", "what is no JSON object is refused with 400, and a retry is no use", "", events},
		{"event_size", "a payload that is too large is refused", "512 kB", events},
		{"event_routing_key", "routing_key is required: an integration key of 32 characters", "32", trigger},
		{"event_unknown_key", "a routing key of no integration is refused with 400", "", trigger},
		{"event_action", "event_action is trigger, acknowledge or resolve", "", trigger},
		{"event_required", "a trigger needs payload.summary, payload.source and payload.severity", "", trigger},
		{"event_severity", "severity is critical, error, warning or info", "", trigger},
		{"event_summary", "payload.summary has a longest length", "1024", trigger},
		{"event_dedup_key", "dedup_key has a longest length", "255", trigger},
		{"event_links", "a link has an href, an image a src that is https", "", trigger},
		{"event_deduplicated", "a trigger with the dedup_key of an open alert makes no other", "", trigger},
		{"event_reopens_nothing", "a trigger after the resolve makes a new incident", "", trigger},
		{"event_key_made", "a trigger without dedup_key gets one of its own, which is in the answer", "", trigger},
		{"event_other_key", "acknowledge and resolve by another routing key than the trigger's are dropped, and answered 202", "", trigger},
		{"event_nothing_open", "acknowledge and resolve of what is not open are dropped, and answered 202", "", trigger},
		{"event_rate", "calls a minute and integration key, over the 60 s before; 429 beyond", "120", eventLimits},
		{"change_summary", "a change event needs payload.summary, which has a longest length", "1024", change},
		{"change_links_only", "links are the only context that a change event has", "", change},
		{"change_quiet", "a change event opens no incident", "", events},
		{"change_ruleset_key", "a change event to a ruleset's key, which begins with R, is refused", "", events},
		{"rest_token", "Authorization: Token token=..., exactly; 401 and code 2006 otherwise", "", auth},
		{"rest_read_only", "a read-only key reads: 403 for the rest", "", auth},
		{"rest_accept", "Accept: application/vnd.pagerduty+json;version=2. PagerDuty goes by the token's version without it, which may be another, so the fake refuses", "", version},
		{"rest_rate", "requests a minute and key; 429 and code 2020 beyond, and ratelimit-limit, -remaining and -reset in every answer", "960", limits},
		{"rest_page", "25 of a list at a time, limit asks for others", "100", pages},
		{"rest_records", "offset and limit reach so far together; 400 beyond", "10000", pages},
		{"rest_total", "total is null unless it is asked for", "", pages},
		{"incident_statuses", "statuses[] are triggered, acknowledged and resolved; code 1003 otherwise", "", errors},
		{"incident_since", "since and until are times; code 2004 otherwise", "", errors},
		{"incident_not_found", "what is not there is 404 and code 2100", "", errors},
		{"from_missing", "who writes has to say so: 400 and code 2016 without From", "", from},
		{"from_malformed", "From is an e-mail address; code 1028 otherwise", "", from},
		{"from_unknown", "From is a user of the account; code 1008 otherwise", "", errors},
		{"note_content", "a note has content; 400 and code 2001 otherwise", "", errors},
		{"incident_resolved", "what is resolved can't be resolved again: code 1001", "", errors},
		{"incident_input", "an incident is changed by its id and type; code 2001 otherwise", "", errors},
		{"hook_signature", "X-PagerDuty-Signature: v1= and the HMAC-SHA256 of the body, one for each secret", "", signatures},
		{"hook_retry", "no answer within 5 s, 429 and 5xx are tried again, with one X-Webhook-Id", "5 attempts in about 20 minutes", hooks},
		{"hook_dropped", "any other 4xx drops the webhook at once", "", hooks},
		{"hook_disabled", "after so many dropped in a row nothing is sent for 24 h, and the queue is dropped", "3", hooks},
		{"hook_twice", "a webhook may come twice, with the same X-Webhook-Id", "", hooks},
	}
}
