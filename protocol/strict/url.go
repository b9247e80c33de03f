package strict

import (
	"errors"
	"net/url"
)

// BaseURL reads where a server is: http(s)://host[:port] and nothing after it but a
// slash, which goes. What is read is never more than it seems to be: no user, path,
// query or fragment that a call would leave out or send along.
func BaseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return nil, errors.New("expected http(s)://host[:port] and nothing after it")
	}
	u.Path = ""
	return u, nil
}
