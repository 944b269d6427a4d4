package slackio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot/pace"
	"llmbot/bot/render"
	"llmbot/bot/status"
	"llmbot/llm/egress"
)

const (
	// maxSection is the length of one text object, in characters (facts/slack.md §3.2).
	maxSection = 3_000
	// maxCharts is how many charts Slack takes in one message (facts/slack.md §10.3). Of the Home tab
	// nothing is known.
	maxCharts = 2
	// maxLine is the length at which a line of a report is cut, for some quote what others say.
	maxLine = 600
	// responseTimeout is how long a call to a response_url may take.
	responseTimeout = 5 * time.Second

	methodPublish pace.Method = "views.publish"
)

// reportBlocks returns a report as blocks, without its charts.
func reportBlocks(r status.Report) []slack.Block {
	var blocks []slack.Block
	for _, g := range r.Groups {
		var text strings.Builder
		if g.Title != "" {
			text.WriteString("*" + render.Mrkdwn(fit(g.Title, maxLine)) + "*\n")
		}
		for _, line := range g.Lines {
			more := render.Mrkdwn(fit(line, maxLine)) + "\n"
			if text.Len()+len(more) > maxSection { // drops whole lines, from the end
				break
			}
			text.WriteString(more)
		}
		blocks = append(blocks, slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, strings.TrimSpace(text.String()), false, true), nil, nil))
		if g.Note != "" {
			blocks = append(blocks, slack.NewContextBlock("", mrkdwn(g.Note)))
		}
	}
	return blocks
}

// commandAck returns a report as the payload of an ack: without its own blocks, and cut, if it
// would be too long with them.
func commandAck(id string, r status.Report) map[string]any {
	text := status.Report{Groups: r.Groups}.Text()
	payload := ephemeralPayload(text, reportBlocks(r))
	if _, err := encodeAck(id, payload); err != nil {
		payload = ephemeralPayload(fit(text, maxSection), sections(fit(text, maxSection)))
	}
	return payload
}

// sections returns a text as one block.
func sections(text string) []slack.Block {
	return []slack.Block{slack.NewSectionBlock(mrkdwn(text), nil, nil)}
}

// chartBlocks returns the charts as blocks that Slack draws (facts/slack.md §4.1); those above
// maxCharts are drawn with characters.
func chartBlocks(charts []status.Chart) []slack.Block {
	var blocks []slack.Block
	drawn := charts[:min(len(charts), maxCharts)]
	for _, c := range drawn {
		var series []slack.DataVisualizationDataSeries
		for _, s := range c.Series {
			points := make([]slack.DataVisualizationDataPoint, 0, len(s.Points))
			for i, p := range s.Points {
				points = append(points, slack.NewDataVisualizationDataPoint(c.Labels[i], p))
			}
			series = append(series, slack.NewDataVisualizationDataSeries(s.Name, points...))
		}
		axes := slack.DataVisualizationAxisConfig{Categories: c.Labels, YLabel: c.Unit}
		if c.Gaps {
			blocks = append(blocks, slack.NewDataVisualizationBlock(c.Title, slack.NewDataVisualizationBarChart(axes, series...)))
		} else {
			blocks = append(blocks, slack.NewDataVisualizationBlock(c.Title, slack.NewDataVisualizationLineChart(axes, series...)))
		}
	}
	if rest := charts[len(drawn):]; len(rest) > 0 {
		blocks = append(blocks, sparks(rest)...)
	}
	return blocks
}

// ephemeralPayload returns an answer that only the person who asked sees, for an ack or a
// response_url.
func ephemeralPayload(text string, blocks []slack.Block) map[string]any {
	return map[string]any{"response_type": "ephemeral", "replace_original": false, "text": render.Mrkdwn(text), "blocks": blocks}
}

// sparks returns a section that draws the charts with characters.
func sparks(charts []status.Chart) []slack.Block {
	return []slack.Block{slack.NewSectionBlock(mrkdwn(status.Sparklines(charts)), nil, nil)}
}

// respond sends a payload to a response_url.
func (s *Slack) respond(ctx context.Context, address string, payload map[string]any) error {
	if to, err := url.Parse(address); err != nil || s.hostOf(to) == hostForeign {
		return errors.New("answer a command: its response_url is not at Slack")
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("answer a command: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, responseTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("answer a command: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.cfg.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("answer a command: %w", egress.WithoutAddress(err)) // whoever has it may answer, too
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answer a command: HTTP %d", resp.StatusCode)
	}
	return nil
}

// drawCharts sends the charts that belong to the answer to a command: as lines of characters where
// Slack refuses charts.
func (s *Slack) drawCharts(ctx context.Context, url string, charts []status.Chart) {
	if len(charts) == 0 || url == "" {
		return
	}
	if s.chartsOff() {
		if err := s.respond(ctx, url, ephemeralPayload("Charts", sparks(charts))); err != nil {
			s.log.WarnContext(ctx, "charts_not_shown", "error", err)
		}
		return
	}
	if err := s.respond(ctx, url, ephemeralPayload("Charts", chartBlocks(charts))); err == nil {
		return
	} else {
		s.log.InfoContext(ctx, "charts_refused", "error", err)
	}
	if err := s.respond(ctx, url, ephemeralPayload("Charts", sparks(charts))); err != nil {
		s.log.WarnContext(ctx, "charts_not_shown", "error", err)
		return
	}
	s.refuseCharts() // Slack took the same without charts
}

// chartsOff reports whether the workspace has refused charts.
func (s *Slack) chartsOff() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.noCharts
}

func (s *Slack) refuseCharts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noCharts = true
}

// Publish shows a report on a user's Home tab.
func (s *Slack) Publish(ctx context.Context, user string, r status.Report) error {
	text := append(homeHead(), reportBlocks(r)...)
	drawn, plain := text, text
	if len(r.Charts) > 0 {
		drawn, plain = append(slices.Clip(text), chartBlocks(r.Charts)...), append(slices.Clip(text), sparks(r.Charts)...)
	}
	if s.chartsOff() {
		drawn = plain
	}
	err := s.publish(ctx, user, drawn)
	if f := classify(err); err != nil && len(r.Charts) > 0 && !s.chartsOff() && (f.reason == "invalid_arguments" || f.kind == tooLong) {
		if err = s.publish(ctx, user, plain); err == nil {
			s.refuseCharts()
		}
	}
	if err != nil {
		return fmt.Errorf("publish the Home tab: %w", err)
	}
	return nil
}

func (s *Slack) publish(ctx context.Context, user string, blocks []slack.Block) error {
	_, err := lookUp(ctx, s, methodPublish, func(ctx context.Context) (*slack.ViewResponse, error) {
		return s.api.PublishViewContext(ctx, slack.PublishViewContextRequest{
			UserID: user, View: slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: blocks}},
		})
	})
	return err
}

func homeHead() []slack.Block {
	return []slack.Block{
		slack.NewSectionBlock(mrkdwn("Ask me in a direct message, or mention me in a channel. The figures below are of the moment at which you opened this tab."), nil, nil),
		slack.NewDividerBlock(),
	}
}
