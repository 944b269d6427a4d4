package bot

import (
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/quota"
)

func TestOverSentence(t *testing.T) {
	now := time.Date(2026, 12, 31, 22, 30, 7, 400e6, time.UTC)
	limits := quota.Limits{AnswersPerMinute: 1, TokensPerDay: 100_000}
	for _, tt := range []struct {
		of    quota.Of
		id    string
		limit quota.Limit
		in    time.Duration
		want  string
	}{
		{quota.Person, "U1", quota.AnswersPerMinute, 41300 * time.Millisecond, "You have had your 1 answer of a minute. Please ask again in 42 s, at 22:30:49 UTC."},
		{quota.Person, "U1", quota.AnswersPerMinute, time.Minute, "You have had your 1 answer of a minute. Please ask again in 1 min, at 22:31:08 UTC."},
		{quota.Channel, "C1", quota.AnswersPerMinute, time.Millisecond, "This channel has had its 1 answer of a minute. Please ask again in 1 s, at 22:30:08 UTC."},
		{quota.Person, "U1", quota.TokensPerDay, 3 * time.Hour, "You have used your 100,000 tokens of 24 hours (what I read for an answer counts, too). Please ask again in 3 h 0 min, at 01:31 UTC on 1 January."},
		{quota.Channel, "D1", quota.TokensPerDay, 61 * time.Minute, "This conversation has used its 100,000 tokens of 24 hours (what I read for an answer counts, too). Please ask again in 1 h 1 min, at 23:32 UTC."},
	} {
		over := quota.Over{Account: quota.Account{Of: tt.of, ID: tt.id, Limits: limits}, Limit: tt.limit, Until: now.Add(tt.in)}
		if got := overSentence(over, now); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}

func TestToldAtMostOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, began := newNotifier(nil, nil), time.Now()
		for _, tt := range []struct {
			who       string
			at, until time.Duration
			want      bool
		}{
			{"U", 0, time.Hour, true},
			{"U", 59 * time.Second, time.Hour, false},
			{"V", 59 * time.Second, time.Hour, true},
			{"U", 60 * time.Second, 61 * time.Second, true},
			{"U", 60500 * time.Millisecond, 61 * time.Second, false},
			{"U", 61 * time.Second, 2 * time.Hour, true}, // what they were told is over
		} {
			time.Sleep(tt.at - time.Since(began))
			if got := n.due(tt.who, min(tt.until-tt.at, tellAgain)); got != tt.want {
				t.Errorf("%s at %s: %v", tt.who, tt.at, got)
			}
		}
	})
}
