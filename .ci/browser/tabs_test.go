package browser_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// page opens a further page in the browser of a visitor.
func (v *visitor) page(address string, options ...chromedp.ContextOption) *visitor {
	v.t.Helper()
	ctx, cancel := chromedp.NewContext(v.ctx, options...)
	v.t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		v.t.Fatal(err)
	}
	o := &visitor{t: v.t, ctx: ctx, pictures: v.pictures}
	o.do(chromedp.Navigate(address))
	return o
}

// front brings a tab to the front, as somebody does who looks at it.
func (v *visitor) front() {
	v.t.Helper()
	v.do(chromedp.Func(func(ctx context.Context, p *chromedp.Target) error {
		_, err := cdp.Call(ctx, p, page.BringToFront, cdp.Empty{})
		return err
	}))
}

// said is whether the channel that is open shows a text, once.
func said(text string) string {
	return fmt.Sprintf(`document.querySelector('#list').innerText.split(%q).length === 2`, text)
}

// says sends a text in the channel that is open.
func (v *visitor) says(text string) {
	v.t.Helper()
	v.run(fmt.Sprintf(`(() => { page.input('box').value = %q; document.querySelector('#box').requestSubmit(); })()`, text))
	v.until("what is sent comes back", said(text))
}

// TestManyTabs: a browser opens six connections to a host, for all of its tabs. Eight tabs of the
// page work all the same: each one that is looked at is live, sends, and has what it missed.
func TestManyTabs(t *testing.T) {
	address := start(t, "slacksim")
	first := visit(t, address+"?as=alice&channel=general")
	tabs := []*visitor{first}
	for i := range 7 {
		tabs = append(tabs, first.page(address+"?channel=general&as="+[]string{"bob", "carol", "alice"}[i%3], chromedp.WithNewWindow(false)))
	}
	for i, v := range tabs {
		v.front()
		v.until("the page is live", `!document.hidden && window.page?.S.source?.readyState === 1`)
		for j := range i {
			v.until("its past is there", said(fmt.Sprintf("from tab %d.", j)))
		}
		v.says(fmt.Sprintf("from tab %d.", i))
	}
	first.front()
	for i := range tabs {
		first.until("the first has what it missed", said(fmt.Sprintf("from tab %d.", i)))
	}
	first.until("a line stands above what is new", `document.querySelector('#list .new')`)
	listening := 0
	for _, v := range tabs {
		if get(v, chromedp.Evaluate[bool](`!!page.S.source`)) {
			listening++
		}
	}
	if listening > 4 {
		t.Errorf("%d tabs listen", listening)
	}
}

// TestManyWindows: with more windows in sight than may listen, the last says what to do, and goes
// on when one is closed.
func TestManyWindows(t *testing.T) {
	address := start(t, "slacksim")
	first := visit(t, address+"?as=alice&channel=general")
	var last *visitor
	for range 4 {
		last = first.page(address + "?as=bob&channel=general")
	}
	last.until("it says what to do", `document.querySelector('#link').textContent === 'page waits for another' && document.querySelector('#toast').innerText.includes('Hide or close one')`)
	first.says("hello")
	first.do(chromedp.Navigate("about:blank"))
	last.until("it goes on", said("hello"))
	last.says("and back")
}
