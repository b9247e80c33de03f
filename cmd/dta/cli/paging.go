package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/host/rest"
)

// paging is which part of a list a command prints.
type paging struct {
	page, per int
	oldest    bool
}

func (p *paging) flags(c *cobra.Command, things string) {
	c.Flags().IntVar(&p.page, "page", 0, "which page, from 0")
	c.Flags().IntVar(&p.per, "per-page", 20, fmt.Sprintf("%s a page, at most %d", things, rest.MaxPage))
	c.Flags().BoolVar(&p.oldest, "oldest-first", false, "sort the other way")
}

// query is the part as the node is asked for it.
func (p *paging) query() (string, error) {
	if p.page < 0 || p.per < 1 || p.per > rest.MaxPage {
		return "", usagef("expected --page of 0 or more and --per-page from 1 to %d; found %d and %d", rest.MaxPage, p.page, p.per)
	}
	sort := "dateCreatedDsc"
	if p.oldest {
		sort = "dateCreatedAsc"
	}
	return fmt.Sprintf("page=%d&perPage=%d&sortBy=%s", p.page, p.per, sort), nil
}

// more says what the part leaves out.
func (p *paging) more(w io.Writer, shown, total int) {
	if left := total - p.page*p.per - shown; shown > 0 && left > 0 {
		fmt.Fprintf(w, "dta: %d more: --page %d\n", left, p.page+1)
	}
}
