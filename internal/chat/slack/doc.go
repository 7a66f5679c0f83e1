// Package slack brings what warden wants, asks and did to Slack, and takes the
// answers that people give there. It is the only package that imports slack-go.
//
// Messages are views over the ledger: see ADR 0022. Everything that comes from
// outside (host names, reasons, what commands printed) is shown as text and never
// as markup.
package slack
