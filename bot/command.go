package bot

import (
	"context"
	"strings"
	"sync"
	"time"

	"llmbot/bot/status"
)

// Status reports how the model server is doing to the person who asked. It takes 2 s at most,
// whatever the server does. It tells whom the policy refuses so.
func (b *Bot) Status(ctx context.Context, c Command) status.Report {
	ctx, cancel := context.WithTimeout(ctx, status.Timeout)
	defer cancel()
	if refusal, _ := b.access.mayAsk(ctx, c); refusal != "" {
		return status.Report{Groups: []status.Group{{Lines: []string{string(refusal)}}}}
	}
	return b.report(ctx, c)
}

// report is Status for somebody who may see it.
func (b *Bot) report(ctx context.Context, c Command) status.Report {
	ctx, cancel := context.WithTimeout(ctx, status.Timeout)
	defer cancel()
	words := strings.TrimSpace(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(c.Text)), "!status"))
	word, _, _ := strings.Cut(words, " ")
	if word == "help" {
		return status.Report{Groups: []status.Group{{Title: "What I can do", Lines: []string{helpText, statusHelp}}}}
	}
	var read sync.WaitGroup
	var share status.Group
	read.Go(func() { share = b.share(ctx, c) })
	r := b.status.Report(ctx, word == "details")
	if g := b.toolsGroup(word == "details"); len(g.Lines) > 0 {
		r.Groups = append(r.Groups, g)
	}
	if read.Wait(); len(share.Lines) > 0 {
		r.Groups = append(r.Groups, share)
	}
	return r
}

// statusHelp tells what the command takes.
const statusHelp = "`details` after the command shows more figures, `help` shows this."

// homeEvery is how often somebody's Home tab is refreshed at most (issue 8).
const homeEvery = time.Minute

func (b *Bot) homeOpened(ev HomeOpened) {
	if b.dep.Homes == nil || !b.notifier.due("home/"+ev.User, homeEvery) {
		return
	}
	b.notifier.jobs.add("home", func(ctx context.Context) {
		r := b.Status(ctx, Command{User: ev.User})
		if err := b.dep.Homes.Publish(ctx, ev.User, r); err != nil {
			b.log.WarnContext(ctx, "home_not_published", "user", ev.User, "error", err)
		}
	})
}
