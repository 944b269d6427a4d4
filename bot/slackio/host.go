package slackio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"llmbot/bot/attach"
	"llmbot/llm/egress"
)

// host is what may be done with an address.
type host int

const (
	hostForeign host = iota // it may not be asked
	hostPlain               // it may be asked, without a token
	hostOurs                // it may be asked, with the token
)

// slackDomains are the domains whose hosts get the bot's token: those of the Web API and of the
// file servers, of Slack and of GovSlack. slack-go has the same list, under the same name;
// url_private leads to files.slack.com (facts/slack.md §5.7).
const slackDomains = "slack.com slack-gov.com"

// plainDomains are further domains of Slack from which files may come: its content servers. They
// need no token.
const plainDomains = "slack-files.com slack-edge.com"

// maxHops is how many redirects of a file are followed. A file that may be read usually comes
// without any (facts/slack.md §5.7); one redirect, to files-origin.slack.com, has been seen.
const maxHops = 3

// hostOf judges an address. Slack's hosts count only over https on the usual port. The host of the
// configured Web API counts with its own scheme and port, for every call sends the token there
// anyway.
func (s *Slack) hostOf(u *url.URL) host {
	api, err := url.Parse(cmp.Or(s.cfg.APIURL, slack.APIURL))
	if err == nil && api.Host != "" && u.Scheme == api.Scheme && strings.EqualFold(u.Hostname(), api.Hostname()) && port(u) == port(api) {
		return hostOurs
	}
	if u.Scheme != "https" || port(u) != "443" {
		return hostForeign
	}
	name := strings.ToLower(u.Hostname())
	in := func(domain string) bool { return name == domain || strings.HasSuffix(name, "."+domain) }
	switch {
	case slices.ContainsFunc(strings.Fields(slackDomains), in):
		return hostOurs
	case slices.ContainsFunc(strings.Fields(plainDomains), in):
		return hostPlain
	}
	return hostForeign
}

// port returns the port of an address, the usual one of its scheme if it names none.
func port(u *url.URL) string {
	usual := map[string]string{"http": "80", "https": "443"}
	return cmp.Or(u.Port(), usual[u.Scheme])
}

// fetch writes the content of an address at Slack to to. It checks each address on the way, and
// sends the token only to hosts that may have it. served is the type that the content came with.
func (s *Slack) fetch(ctx context.Context, address string, to io.Writer) (served string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("its address is none")
	}
	for range 1 + maxHops {
		where := s.hostOf(u)
		if where == hostForeign {
			return "", fmt.Errorf("it is at %s, which is none of Slack's hosts over https (nor the one of %s): %w", egress.Origin(u), addressVariable, attach.ErrNoFile)
		}
		next, served, err := s.fetchOne(ctx, u, where, to)
		if next == nil {
			return served, err
		}
		if next.Query().Get("redir") != "" {
			// A bot without the right to read is sent to the sign-in page, with the way back.
			return "", fmt.Errorf("it leads to the sign-in page at %s: %w", egress.Origin(next), attach.ErrNoFile)
		}
		u = next
	}
	return "", fmt.Errorf("it leads on and on, last to %s: %w", egress.Origin(u), attach.ErrNoFile)
}

// fetchOne asks one address. next is where it redirects to; nil: nowhere.
func (s *Slack) fetchOne(ctx context.Context, u *url.URL, where host, to io.Writer) (next *url.URL, served string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, "", egress.WithoutAddress(err)
	}
	req.URL.User = nil // or Go makes a header of it
	if where == hostOurs {
		req.Header.Set("Authorization", "Bearer "+s.cfg.BotToken)
	}
	resp, err := s.cfg.HTTP.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*egress.RedirectError](err); ok && e.To != nil {
			return e.To, "", nil
		}
		return nil, "", egress.WithoutAddress(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("HTTP %d", resp.StatusCode)
	}
	if _, err := io.Copy(to, resp.Body); err != nil {
		return nil, "", fmt.Errorf("read it: %w", err)
	}
	return nil, resp.Header.Get("Content-Type"), nil
}
