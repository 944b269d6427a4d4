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
	hostForeign host = iota // nothing
	hostPlain               // it may be asked, without a token
	hostOurs                // and with it
)

// slackDomains are the domains whose hosts get the bot's token: the Web API's and the file servers', of Slack and of GovSlack. slack-go has the same
// list (slackDomains), and files.slack.com is where url_private leads (facts/slack.md §5.7).
const slackDomains = "slack.com slack-gov.com"

// plainDomains are further domains of Slack's that files may come from: the ones of its content servers. They need no token.
const plainDomains = "slack-files.com slack-edge.com"

// maxHops is how many redirects of a file are followed. Files that may be read come without any (facts/slack.md §5.7); one hop, to
// files-origin.slack.com, has been seen.
const maxHops = 3

// hostOf judges an address: Slack's hosts over https and its usual port, or the scheme, host and port of the Web API, where every call takes the
// token anyway.
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

// port is the port of an address, also if it does not say.
func port(u *url.URL) string {
	usual := map[string]string{"http": "80", "https": "443"}
	return cmp.Or(u.Port(), usual[u.Scheme])
}

// fetch writes the content of an address of Slack's. It looks at each address on the way, and gives none the token that is not to have it.
func (s *Slack) fetch(ctx context.Context, address string, to io.Writer) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("its address is none")
	}
	for range 1 + maxHops {
		where := s.hostOf(u)
		if where == hostForeign {
			return fmt.Errorf("it is at %s, which is none of Slack's hosts over https (nor the one of %s): %w", egress.Origin(u), addressVariable, attach.ErrNoFile)
		}
		next, err := s.fetchOne(ctx, u, where, to)
		if next == nil {
			return err
		}
		if next.Query().Get("redir") != "" { // without rights: to the sign-in page, with the way back
			return fmt.Errorf("it leads to the sign-in page at %s: %w", egress.Origin(next), attach.ErrNoFile)
		}
		u = next
	}
	return fmt.Errorf("it leads on and on, last to %s: %w", egress.Origin(u), attach.ErrNoFile)
}

// fetchOne asks one address. next is where it redirects; nil: nowhere.
func (s *Slack) fetchOne(ctx context.Context, u *url.URL, where host, to io.Writer) (next *url.URL, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, withoutAddress(err)
	}
	req.URL.User = nil // else Go makes a header of it
	if where == hostOurs {
		req.Header.Set("Authorization", "Bearer "+s.cfg.BotToken)
	}
	resp, err := s.cfg.HTTP.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*egress.RedirectError](err); ok && e.To != nil {
			return e.To, nil
		}
		return nil, withoutAddress(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP %d", resp.StatusCode)
	}
	if _, err := io.Copy(to, resp.Body); err != nil {
		return nil, fmt.Errorf("read it: %w", err)
	}
	return nil, nil //nolint:nilnil // it goes nowhere else
}

// withoutAddress is an error of net/http without the address that it repeats.
func withoutAddress(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
