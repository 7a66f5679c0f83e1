package fakeslack

import "slices"

// Rule is one thing that Slack's documentation says and that the server holds
// its callers to.
type Rule struct {
	// Name is short and stands in Breach: header.text.
	Name string
	// What is the rule in words.
	What string
	// Limit is the most that is allowed, where the rule is about a number:
	// characters, items, seconds or bytes, as What says.
	Limit int
	// Error is what the API answers, or empty where it says nothing.
	Error string
	// Page is where the rule is written down.
	Page string
}

// Rules returns every rule in order of name's group. The caller owns the slice.
func Rules() []Rule { return slices.Clone(ruleTable[:]) }

// ruleID stands for a row of the table, so that a misspelt rule doesn't compile.
type ruleID int

const (
	ruleToken ruleID = iota
	ruleTokenKnown
	ruleTokenRevoked
	ruleTokenType
	ruleScope
	ruleMethod
	ruleArguments
	ruleJSON
	ruleTier
	rulePosts

	ruleChannelKnown
	ruleChannelIn
	ruleChannelArchived
	ruleUserKnown
	ruleUserIn
	ruleThread

	ruleText
	ruleTextPost
	ruleTextUpdate
	ruleMessageKnown
	ruleMessageOwn
	ruleMetadata

	ruleBlocks
	ruleBlocksJSON
	ruleBlocksTotal
	ruleBlockKnown
	ruleBlockFields
	ruleBlockID
	ruleBlockIDOnce
	ruleTextObject
	ruleHeader
	ruleSection
	ruleSectionText
	ruleSectionFields
	ruleSectionField
	ruleContext
	ruleActions
	ruleActionID
	ruleActionIDOnce
	ruleButtonText
	ruleButtonValue
	ruleButtonURL
	ruleButtonStyle
	ruleOptions
	ruleOptionText
	ruleOptionValue
	ruleConfirmTitle
	ruleConfirmText
	ruleConfirmButton
	ruleImageURL
	ruleImageAlt
	ruleImageTitle
	ruleMarkdown
	ruleContainer
	ruleContainerTitle
	ruleCharts
	ruleChartOn
	ruleChartTitle
	ruleChartSeries
	ruleChartPoints
	ruleChartLabel
	ruleChartNames

	ruleViewBlocks
	ruleViewTitle
	ruleViewButton
	ruleViewMetadata
	ruleViewCallback
	ruleViewType
	ruleTrigger
	ruleResponseURLTime
	ruleResponseURLUses
	ruleFile

	ruleAck
	ruleAckSize
	ruleSockets
	ruleTicket

	ruleCount // how many there are; not a rule
)

// docs is where the documentation lives.
const docs = "https://docs.slack.dev/"

const (
	pageAPI      = docs + "apis/web-api/"
	pageLimits   = docs + "apis/web-api/rate-limits/"
	pagePost     = docs + "reference/methods/chat.postMessage/"
	pageUpdate   = docs + "reference/methods/chat.update/"
	pageBlocks   = docs + "reference/block-kit/blocks/"
	pageElements = docs + "reference/block-kit/block-elements/"
	pageObjects  = docs + "reference/block-kit/composition-objects/"
	pageChart    = pageBlocks + "data-visualization-block/"
	pageSocket   = docs + "apis/events-api/using-socket-mode/"
	pageRespond  = docs + "interactivity/handling-user-interaction/"
	pageView     = docs + "reference/views/modal-views/"
)

var ruleTable = [ruleCount]Rule{
	ruleToken:        {"token", "every call carries a token, as Authorization: Bearer or as the parameter token of a POST, never in the query", 0, "not_authed", pageAPI},
	ruleTokenKnown:   {"token.known", "the token was issued by this workspace", 0, "invalid_auth", docs + "reference/methods/auth.test/"},
	ruleTokenRevoked: {"token.revoked", "the app was not uninstalled, nor its token revoked", 0, "account_inactive", docs + "reference/methods/auth.test/"},
	ruleTokenType:    {"token.type", "apps.connections.open wants an app-level token, all else a bot token", 0, "not_allowed_token_type", docs + "reference/methods/apps.connections.open/"},
	ruleScope:        {"scope", "the token has the scope that the method needs; the answer says needed and provided", 0, "missing_scope", docs + "reference/scopes/"},
	ruleMethod:       {"method", "the method exists", 0, "unknown_method", pageAPI},
	ruleArguments:    {"arguments", "required arguments are there and can be read", 0, "invalid_arguments", pageAPI},
	ruleJSON:         {"json", "a JSON body is an object, goes with a bearer token, and only to methods that take JSON", 0, "invalid_json", pageAPI},
	ruleTier:         {"tier", "calls a minute are within the method's tier: 1, 20, 50 or 100; beyond, HTTP 429 with Retry-After", 0, "ratelimited", pageLimits},
	rulePosts:        {"posts", "about one message a second is posted to a channel, with short bursts", 1, "ratelimited", pageLimits},

	ruleChannelKnown:    {"channel.known", "the channel exists, and the bot can see it: a private one only as a member", 0, "channel_not_found", pagePost},
	ruleChannelIn:       {"channel.in", "the bot is a member of the channel, or the channel is public and the bot has chat:write.public", 0, "not_in_channel", pagePost},
	ruleChannelArchived: {"channel.archived", "the channel is not archived", 0, "is_archived", pagePost},
	ruleUserKnown:       {"user.known", "the user exists", 0, "user_not_found", docs + "reference/methods/users.info/"},
	ruleUserIn:          {"user.in", "an ephemeral message goes to a member of its channel", 0, "user_not_in_channel", docs + "reference/methods/chat.postEphemeral/"},
	ruleThread:          {"thread", "thread_ts is the timestamp of a message of the channel that is no reply itself", 0, "thread_not_found", docs + "reference/methods/conversations.replies/"},

	ruleText:         {"text", "a message has text or blocks", 0, "no_text", pagePost},
	ruleTextPost:     {"text.post", "text has at most 40,000 characters; more is cut off with the warning message_truncated", 40_000, "", pagePost},
	ruleTextUpdate:   {"text.update", "the text of an update has at most 4,000 characters", 4_000, "msg_too_long", pageUpdate},
	ruleMessageKnown: {"message.known", "the message exists and was not deleted", 0, "message_not_found", pageUpdate},
	ruleMessageOwn:   {"message.own", "only the author updates or deletes a message, and nobody an ephemeral one", 0, "cant_update_message", pageUpdate},
	ruleMetadata:     {"metadata", "metadata is an object with event_type and an object event_payload", 0, "invalid_metadata_format", docs + "messaging/message-metadata/"},

	ruleBlocks:        {"blocks", "a message has at most 50 blocks", 50, "invalid_blocks", pageBlocks},
	ruleBlocksJSON:    {"blocks.json", "blocks is a JSON array", 0, "invalid_blocks_format", pagePost},
	ruleBlocksTotal:   {"blocks.total", "the blocks of a message hold about 12,000 characters of text at most", 12_000, "msg_blocks_too_long", pagePost},
	ruleBlockKnown:    {"block.known", "a block has a type that Slack knows, and that messages or views may have", 0, "invalid_blocks", pageBlocks},
	ruleBlockFields:   {"block.fields", "a block has the fields of its type and no others", 0, "invalid_blocks", pageBlocks},
	ruleBlockID:       {"block_id", "a block_id has at most 255 characters", 255, "invalid_blocks", pageBlocks + "actions-block/"},
	ruleBlockIDOnce:   {"block_id.once", "a block_id stands once in a message", 0, "invalid_blocks", pageBlocks + "actions-block/"},
	ruleTextObject:    {"text.object", "a text object is plain_text or mrkdwn, has text, and emoji only if plain", 0, "invalid_blocks", pageObjects + "text-object/"},
	ruleHeader:        {"header.text", "a header is plain text of at most 150 characters", 150, "invalid_blocks", pageBlocks + "header-block/"},
	ruleSection:       {"section", "a section has text or fields", 0, "invalid_blocks", pageBlocks + "section-block/"},
	ruleSectionText:   {"section.text", "the text of a section has at most 3,000 characters", 3_000, "invalid_blocks", pageBlocks + "section-block/"},
	ruleSectionFields: {"section.fields", "a section has at most 10 fields", 10, "invalid_blocks", pageBlocks + "section-block/"},
	ruleSectionField:  {"section.field", "a field of a section has at most 2,000 characters", 2_000, "invalid_blocks", pageBlocks + "section-block/"},
	ruleContext:       {"context.elements", "a context has 1 to 10 elements: images and text", 10, "invalid_blocks", pageBlocks + "context-block/"},
	ruleActions:       {"actions.elements", "an actions block has 1 to 25 elements", 25, "invalid_blocks", pageBlocks + "actions-block/"},
	ruleActionID:      {"action_id", "an action_id has at most 255 characters", 255, "invalid_blocks", pageElements + "button-element/"},
	ruleActionIDOnce:  {"action_id.once", "an action_id stands once in its block", 0, "invalid_blocks", pageElements + "button-element/"},
	ruleButtonText:    {"button.text", "a button's text is plain and has at most 75 characters", 75, "invalid_blocks", pageElements + "button-element/"},
	ruleButtonValue:   {"button.value", "a button's value has at most 2,000 characters", 2_000, "invalid_blocks", pageElements + "button-element/"},
	ruleButtonURL:     {"button.url", "a button's url has at most 3,000 characters and is http or https", 3_000, "invalid_blocks", pageElements + "button-element/"},
	ruleButtonStyle:   {"button.style", "a button's style is primary or danger, or it has none", 0, "invalid_blocks", pageElements + "button-element/"},
	ruleOptions:       {"options", "a menu has 1 to 100 options, an overflow menu 1 to 5, radio buttons and checkboxes 1 to 10", 100, "invalid_blocks", pageElements + "select-menu-element/"},
	ruleOptionText:    {"option.text", "an option's text has at most 75 characters", 75, "invalid_blocks", pageObjects + "option-object/"},
	ruleOptionValue:   {"option.value", "an option's value has at most 150 characters", 150, "invalid_blocks", pageObjects + "option-object/"},
	ruleConfirmTitle:  {"confirm.title", "a confirm dialog's title is plain and has at most 100 characters", 100, "invalid_blocks", pageObjects + "confirmation-dialog-object/"},
	ruleConfirmText:   {"confirm.text", "a confirm dialog's text has at most 300 characters", 300, "invalid_blocks", pageObjects + "confirmation-dialog-object/"},
	ruleConfirmButton: {"confirm.button", "a confirm dialog's buttons have at most 30 characters", 30, "invalid_blocks", pageObjects + "confirmation-dialog-object/"},
	ruleImageURL:      {"image.url", "an image's URL is http or https and has at most 3,000 characters", 3_000, "invalid_blocks", pageBlocks + "image-block/"},
	ruleImageAlt:      {"image.alt", "an image has alt text of at most 2,000 characters", 2_000, "invalid_blocks", pageBlocks + "image-block/"},
	ruleImageTitle:    {"image.title", "an image's title is plain and has at most 2,000 characters", 2_000, "invalid_blocks", pageBlocks + "image-block/"},
	ruleMarkdown:      {"markdown.text", "the markdown blocks of a message hold at most 12,000 characters together", 12_000, "invalid_blocks", pageBlocks + "markdown-block/"},
	ruleContainer:     {"container.blocks", "a container has 1 to 10 blocks", 10, "invalid_blocks", pageBlocks + "container-block/"},
	ruleContainerTitle: {"container.title", "a container has a plain title of at most 150 characters",
		150, "invalid_blocks", pageBlocks + "container-block/"},
	ruleCharts:      {"charts", "a message has at most 2 charts", 2, "invalid_blocks", pageChart},
	ruleChartOn:     {"chart.on", "the workspace has charts already: they were rolled out one workspace after another", 0, "invalid_blocks", docs + "changelog/2026/06/16/block-kit-data-visualization-block/"},
	ruleChartTitle:  {"chart.title", "a chart's title has 1 to 50 characters, and so have the labels of its axes", 50, "invalid_blocks", pageChart},
	ruleChartSeries: {"chart.series", "a chart has 1 to 6 series, or segments if it is a pie", 6, "invalid_blocks", pageChart},
	ruleChartPoints: {"chart.points", "a series has 1 to 20 points, one for each category and in no other", 20, "invalid_blocks", pageChart},
	ruleChartLabel:  {"chart.label", "the name of a series, segment or category has 1 to 20 characters", 20, "invalid_blocks", pageChart},
	ruleChartNames:  {"chart.names", "no two series or categories of a chart have one name", 0, "invalid_blocks", pageChart},

	ruleViewBlocks:      {"view.blocks", "a view has at most 100 blocks", 100, "invalid_arguments", pageView},
	ruleViewTitle:       {"view.title", "a modal has a plain title of at most 24 characters", 24, "invalid_arguments", pageView},
	ruleViewButton:      {"view.button", "a modal's submit and close have at most 24 characters; one with inputs has submit", 24, "invalid_arguments", pageView},
	ruleViewMetadata:    {"view.metadata", "private_metadata has at most 3,000 characters", 3_000, "invalid_arguments", pageView},
	ruleViewCallback:    {"view.callback", "callback_id has at most 255 characters", 255, "invalid_arguments", pageView},
	ruleViewType:        {"view.type", "views.open takes a modal, views.publish a home", 0, "invalid_arguments", pageView},
	ruleTrigger:         {"trigger", "a trigger_id opens one view, within 3 seconds", 3, "expired_trigger_id", pageRespond},
	ruleResponseURLTime: {"response_url.time", "a response_url lives for 30 minutes", 30 * 60, "expired_url", pageRespond},
	ruleResponseURLUses: {"response_url.uses", "a response_url works 5 times", 5, "used_url", pageRespond},
	ruleFile:            {"file", "a file is uploaded to the URL that was given out, in the length that was said, before it is shared", 0, "file_not_found", docs + "reference/methods/files.completeUploadExternal/"},

	ruleAck:     {"ack", "what people do is acknowledged within 3 seconds", 3, "", pageRespond},
	ruleAckSize: {"ack.size", "an acknowledgement of 20 kB or more is dropped without a word", 20*1024 - 1, "", "https://pkg.go.dev/github.com/slack-go/slack/socketmode#Client.SendCtx"},
	ruleSockets: {"sockets", "an app has at most 10 connections; one more is told too_many_websockets and closed", 10, "", pageSocket},
	ruleTicket:  {"ticket", "the address of a connection is used once", 0, "", pageSocket},
}

func (r ruleID) rule() Rule { return ruleTable[r] }
func (r ruleID) limit() int { return ruleTable[r].Limit }
