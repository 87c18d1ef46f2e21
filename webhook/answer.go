package webhook

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"cis/change"
)

// KeptAnswer is how much of a receiver's answer is read and kept, in bytes.
const KeptAnswer = 1 << 10

// MaxRetryAfter bounds how long a receiver can put off its deliveries.
const MaxRetryAfter = 24 * time.Hour

// Refused is a delivery that the receiver did not acknowledge. Whether it is
// worth trying again is the kind that change.KindOf gives.
type Refused struct {
	// Subscription is its name.
	Subscription string
	// Status is the HTTP status; 410 says that the receiver wants no more.
	Status int
	// Answer is the beginning of what the receiver said, in one printable line.
	// Should the receiver have repeated the token or the person's id, they are
	// not in it.
	Answer string

	// note is what the status alone does not tell.
	note  string
	after time.Duration
}

func (r *Refused) Error() string {
	text := fmt.Sprintf("subscription %s answered %d", r.Subscription, r.Status)
	if known := http.StatusText(r.Status); known != "" {
		text += " " + known
	}
	if r.note != "" {
		text += " (" + r.note + ")"
	}
	if r.Answer != "" {
		text += ": " + r.Answer
	}
	return text
}

// LogValue implements slog.LogValuer: a log has not what the receiver said, who
// may know the person.
func (r *Refused) LogValue() slog.Value {
	without := *r
	without.Answer = ""
	return slog.StringValue(without.Error())
}

// RetryAfter is how long the receiver asks to be left alone (with 429 and 503),
// 0 if it does not, at most MaxRetryAfter.
func (r *Refused) RetryAfter() time.Duration { return r.after }

// kindOf sorts answers into those that may change by themselves and those that
// somebody has to change.
func kindOf(status int) change.Kind {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return change.Retry
	}
	if status >= 500 {
		return change.Retry
	}
	return change.Park
}

func noteOn(status int) string {
	if status >= 300 && status < 400 {
		return "redirects are not followed: give the subscription the URL that it leads to"
	}
	return ""
}

// retryAfter reads the header's two forms, seconds and a date (RFC 9110,
// section 10.2.3), where the status gives it a meaning for us.
func retryAfter(response *http.Response, now time.Time) time.Duration {
	if response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	header := strings.TrimSpace(response.Header.Get("Retry-After"))
	if header != "" && strings.Trim(header, "0123456789") == "" {
		seconds, err := strconv.ParseInt(header, 10, 64)
		if err != nil || seconds > int64(MaxRetryAfter/time.Second) {
			return MaxRetryAfter // more digits than a number has is a long time too
		}
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(0, at.Sub(now)), MaxRetryAfter)
	}
	return 0
}

// readAnswer reads the beginning of an answer and makes it fit to be shown.
func readAnswer(body io.Reader, secrets []string) string {
	answer, err := io.ReadAll(io.LimitReader(body, KeptAnswer)) // as much as came
	text := string(answer)
	if err != nil || len(answer) == KeptAnswer {
		text = hideBeginning(text, secrets)
	}
	return printable(hide(text, secrets))
}

// spellings are the ways in which a receiver may repeat an id.
func spellings(id string) []string {
	quoted, _ := jsontext.AppendQuote(nil, id)
	return []string{id, strings.Trim(string(quoted), `"`), url.QueryEscape(id), url.PathEscape(id)}
}

const (
	hidden = "[hidden]"
	// shortest is how many bytes a secret, or the part of one, must have to be
	// told from other text.
	shortest = 4
)

// hide replaces secrets in a text.
func hide(text string, secrets []string) string {
	for _, secret := range secrets {
		if len(secret) >= shortest {
			text = strings.ReplaceAll(text, secret, hidden)
		}
	}
	return text
}

// hideBeginning replaces the beginning of a secret at the end of a text that
// was cut off there.
func hideBeginning(text string, secrets []string) string {
	for _, secret := range secrets {
		for n := min(len(secret)-1, len(text)); n >= shortest; n-- {
			if before, found := strings.CutSuffix(text, secret[:n]); found {
				return before + hidden
			}
		}
	}
	return text
}

// shown is an error whose text has no secrets: what goes wrong with a request
// may be told in the words of the other side.
type shown struct {
	text string
	err  error
}

func (s *shown) Error() string { return s.text }
func (s *shown) Unwrap() error { return s.err }

// LogValue implements slog.LogValuer: what no network has said, the other side
// may have.
func (s *shown) LogValue() slog.Value {
	if network, ok := errors.AsType[*net.OpError](s.err); ok {
		return slog.StringValue(network.Error())
	}
	return slog.StringValue("there was no answer that could be read")
}

// show makes an error of net/http fit to be shown: in one line, without the
// URL, and without secrets.
func show(err error, secrets []string) error {
	err = cause(err)
	return &shown{text: printable(hide(err.Error(), secrets)), err: err}
}

// printable is what of a text can be shown in a line of at most KeptAnswer
// bytes.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, " "))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > KeptAnswer {
		text = strings.ToValidUTF8(text[:KeptAnswer], "")
	}
	return text
}
