package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"cis/change"
)

// Options are what a Sender works with.
type Options struct {
	// Client makes the requests; nil for one with the defaults of net/http
	// that reads at most 64 KB of headers. Its redirect policy is not used.
	Client *http.Client
	// Tokens gives the bearer tokens.
	Tokens TokenSource
	// Timeout bounds one request, from connecting to the answer's headers; 0
	// means DefaultTimeout.
	Timeout time.Duration
	// UserAgent names this system to receivers; empty means "cis-webhook".
	UserAgent string
	// Now is the clock that a Retry-After date is compared with; nil means
	// time.Now.
	Now func() time.Time
}

const (
	// DefaultTimeout is how long a receiver may take to answer.
	DefaultTimeout = 30 * time.Second

	// bodyTimeout is how long the answer's body is waited for once its status
	// is known: nothing depends on it any more.
	bodyTimeout = 2 * time.Second

	maxHeaderBytes = 64 << 10
)

// Sender delivers events. It may be used by many goroutines at once.
type Sender struct {
	options Options
	client  http.Client
}

// NewSender returns a sender.
func NewSender(o Options) *Sender {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.UserAgent == "" {
		o.UserAgent = "cis-webhook"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Client == nil {
		o.Client = defaultClient()
	}
	s := &Sender{options: o, client: *o.Client}
	s.client.CheckRedirect = noRedirects
	return s
}

func defaultClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = maxHeaderBytes
	transport.DisableCompression = true // of answers only a line is read
	return &http.Client{Transport: transport}
}

func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Receipt is a receiver's answer. A delivery that failed before there was one
// has the zero Receipt.
type Receipt struct {
	// ID is the delivery's webhook-id: the same in every attempt to tell one
	// subscription of one change.
	ID string
	// Status is the HTTP status.
	Status int
	// Answer is the beginning of what the receiver said, as in Refused.
	Answer string
}

// Deliver tells the subscription of the event, once. Any 2xx is success. The
// request carries the trace on that ctx is in.
//
// Every error has a kind. Worth trying again (change.Retry) are a receiver that
// cannot be reached or does not answer in time, and the statuses 408, 409, 425,
// 429 and 5xx; so is an issuer that gives no token. For somebody to look at
// (change.Park) are all other statuses, redirects among them, and a
// subscription or event that is not valid. An answer that is not 2xx is a
// *Refused.
//
// A receiver that answers 401 is asked once more with a new token, for the old
// one may have been withdrawn before its time.
func (s *Sender) Deliver(ctx context.Context, sub Subscription, event Event) (Receipt, error) {
	if err := sub.Validate(); err != nil {
		return Receipt{}, change.As(change.Park, err)
	}
	body, err := event.Body()
	if err != nil {
		return Receipt{}, change.As(change.Park, fmt.Errorf("subscription %s: %w", sub.Name, err))
	}
	d := delivery{sender: s, subscription: sub, event: event, body: body}

	token, err := d.token(ctx)
	if err != nil {
		return Receipt{}, err
	}
	receipt, err := d.attempt(ctx, token)
	if receipt.Status != http.StatusUnauthorized {
		return receipt, err
	}
	s.options.Tokens.Invalidate(sub.Audience, token)
	renewed, tokenErr := d.token(ctx)
	if tokenErr != nil {
		return receipt, tokenErr
	}
	if renewed == token {
		// The source has no other for now, so whether the token is at fault
		// cannot be told yet.
		if refused, ok := errors.AsType[*Refused](err); ok {
			refused.note = "the token was renewed only just before"
			err = change.As(change.Retry, refused)
		}
		return receipt, err
	}
	return d.attempt(ctx, renewed)
}

// delivery is one event on its way to one subscription.
type delivery struct {
	sender       *Sender
	subscription Subscription
	event        Event
	body         []byte
}

// id is the webhook-id of Standard Webhooks. It has no full stop, which
// separates it from what follows in a signature.
func (d delivery) id() string { return d.event.SequenceNumber + "/" + d.subscription.Name }

func (d delivery) token(ctx context.Context) (string, error) {
	if d.sender.options.Tokens == nil {
		return "", change.As(change.Park, fmt.Errorf("subscription %s: the sender was given no source of tokens", d.subscription.Name))
	}
	token, err := d.sender.options.Tokens.Token(ctx, d.subscription.Audience)
	if err != nil {
		return "", fmt.Errorf("subscription %s: %w", d.subscription.Name, err)
	}
	return token, nil
}

// attempt makes one request.
func (d delivery) attempt(ctx context.Context, token string) (Receipt, error) {
	options := d.sender.options
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timeout := time.AfterFunc(options.Timeout, func() {
		cancel(fmt.Errorf("no answer within %v", options.Timeout))
	})
	defer timeout.Stop()

	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.subscription.URL, bytes.NewReader(d.body))
	if err != nil {
		return Receipt{}, change.As(change.Park, fmt.Errorf("subscription %s: %w", d.subscription.Name, cause(err)))
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", options.UserAgent)
	request.Header.Set("webhook-id", d.id())
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(request.Header))

	secrets := append([]string{token}, spellings(d.event.ID)...)
	response, err := d.sender.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return Receipt{}, change.As(change.Retry, fmt.Errorf("subscription %s: %w", d.subscription.Name, show(err, secrets)))
	}
	defer func() { _ = response.Body.Close() }()
	timeout.Reset(min(options.Timeout, bodyTimeout))
	receipt := Receipt{ID: d.id(), Status: response.StatusCode, Answer: readAnswer(response.Body, secrets)}
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		return receipt, nil
	}
	return receipt, change.As(kindOf(response.StatusCode), &Refused{
		Subscription: d.subscription.Name,
		Status:       receipt.Status,
		Answer:       receipt.Answer,
		note:         noteOn(receipt.Status),
		after:        retryAfter(response, options.Now()),
	})
}
