package cli

import (
	"errors"

	"warden/internal/chat/slack"
	"warden/internal/config"
)

// slackTemplates reads and tries the templates of a config file, and says all that
// is wrong with them, each where it stands.
func slackTemplates(file *config.Config) (*slack.Templates, config.Report) {
	at := []string{"chat", "slack", "templates_glob"}
	glob := file.Chat.Slack.TemplatesGlob
	found, err := file.Templates()
	switch {
	case glob == "":
		return nil, nil
	case err != nil:
		return nil, config.Report{file.Problem(config.SeverityError, err.Error(), at...)}
	case len(found) == 0:
		return nil, config.Report{file.Problem(config.SeverityWarning, "templates_glob matches no file here: messages have warden's own words", at...)}
	}
	var files []slack.TemplateFile
	for _, f := range found {
		files = append(files, slack.TemplateFile(f))
	}
	t, errs := slack.ParseTemplates(files)
	var report config.Report
	for _, err := range errs {
		p := file.Problem(config.SeverityError, err.Error(), at...)
		if e, ok := errors.AsType[*slack.TemplateError](err); ok {
			p = config.Problem{File: e.File, Line: e.Line, Col: 1, Key: p.Key, Severity: p.Severity, Text: e.Text}
		}
		report = append(report, p)
	}
	return t, report
}
