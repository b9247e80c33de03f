package rest

import (
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/protocol/fault"
)

// MaxPage bounds perPage.
const MaxPage = 500

// page is what part of a list is asked for.
type page struct {
	offset, limit int
	descending    bool
}

// paging reads page, perPage and sortBy. A misspelt one is refused: a script that
// asks for the next page would get the first for ever.
func paging(c echo.Context, most int) (p page, err error) {
	query, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return p, fault.New(fault.Invalid, "query: expected page, perPage and sortBy: %w", err)
	}
	for name, values := range query {
		if name != "page" && name != "perPage" && name != "sortBy" {
			return p, fault.New(fault.Invalid, "query: expected page, perPage and sortBy; found %q", clip(name))
		}
		if len(values) > 1 {
			return p, fault.New(fault.Invalid, "%s: expected it once; found %d", name, len(values))
		}
	}
	at, err := number(c, "page", 0, 1<<20, 0)
	if err != nil {
		return p, err
	}
	if p.limit, err = number(c, "perPage", 1, most, 10); err != nil {
		return p, err
	}
	p.offset = at * p.limit
	p.descending, err = sorting(c.QueryParam("sortBy"))
	return p, err
}

func number(c echo.Context, name string, least, most, otherwise int) (int, error) {
	text := c.QueryParam(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fault.New(fault.Invalid, "%s: expected a number from %d to %d; found %q", name, least, most, text)
	}
	return n, nil
}

// sorting reads sortBy; the original's scripts and its documentation spell the
// descending one differently.
func sorting(by string) (descending bool, err error) {
	switch by {
	case "", "dateCreatedDsc", "dateCreatedDesc":
		return true, nil
	case "dateCreatedAsc":
		return false, nil
	}
	return false, fault.New(fault.Invalid, "sortBy: expected dateCreatedAsc or dateCreatedDsc; found %q", by)
}
