package slackio

import (
	"slices"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"llmbot/bot/answer"
)

const (
	// mostCards is how many calls of tools one stream shows: more are many lines before an answer.
	// Slack takes 50 (facts/slack.md §2.1).
	mostCards = 20
	// longestCard is the most characters of a card's title that Slack takes (facts/slack.md §2.1).
	longestCard = 256
)

// newsLocked returns the calls of tools that a live stream is to show in another state than it
// does. One that an earlier message shows stays there.
func (d *draft) newsLocked(m *sent) (out []answer.Step) {
	cards := 0
	if m != nil {
		cards = len(m.told)
	}
	for _, s := range d.answer.Steps {
		i := -1
		if m != nil {
			i = told(m.told, s.ID)
		}
		switch {
		case i >= 0 && m.told[i] == s:
			continue
		case i >= 0:
		case cards >= mostCards, slices.ContainsFunc(d.sent, func(m sent) bool { return told(m.told, s.ID) >= 0 }):
			continue
		default:
			cards++
		}
		out = append(out, s)
	}
	return out
}

// endedLocked returns what a stream has to be told of calls when it is stopped: a card that nobody
// ends would turn for ever.
func (d *draft) endedLocked(m *sent) []answer.Step {
	out := d.newsLocked(m)
	for _, s := range m.told {
		if told(out, s.ID) < 0 {
			out = append(out, s)
		}
	}
	became := answer.StepRan // it goes on in another message
	if d.answer.Phase.Final() {
		became = answer.StepFailed
	}
	for i := range out {
		if out[i].State == answer.StepRuns || out[i].State == answer.StepAsks {
			out[i].State = became
		}
	}
	return slices.DeleteFunc(out, func(s answer.Step) bool { return slices.Contains(m.told, s) })
}

// told returns the place of a call; -1: it is not there.
func told(steps []answer.Step, id string) int {
	return slices.IndexFunc(steps, func(s answer.Step) bool { return s.ID == id })
}

// tell returns what a stream shows after a call to it.
func (m *sent) tell(steps []answer.Step) {
	for _, step := range steps {
		if i := told(m.told, step.ID); i >= 0 {
			m.told[i] = step
		} else {
			m.told = append(m.told, step)
		}
	}
}

// card returns a call of a tool as Slack's task card: present tense, then past.
func card(s answer.Step) slack.StreamChunk {
	c := slack.NewTaskUpdateChunk(s.ID, "")
	switch s.State {
	case answer.StepAsks:
		c.Title, c.Status = "Waiting for leave to run "+s.Title, slack.TaskCardStatusPending
	case answer.StepRuns:
		c.Title, c.Status = "Running "+s.Title, slack.TaskCardStatusInProgress
	case answer.StepRan:
		c.Title, c.Status = "Ran "+s.Title, slack.TaskCardStatusComplete
	case answer.StepFailed:
		c.Title, c.Status = s.Title+" failed", slack.TaskCardStatusError
	case answer.StepUnsure:
		c.Title, c.Status = s.Title+" may have run", slack.TaskCardStatusError
	case answer.StepRefused:
		c.Title, c.Status = s.Title+" was not run", slack.TaskCardStatusComplete
	}
	if utf8.RuneCountInString(c.Title) > longestCard {
		c.Title = string([]rune(c.Title)[:longestCard-1]) + "…"
	}
	return c
}
