package ldapd

import (
	"crypto/subtle"
	"errors"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/jimlambrt/gldap"
)

// refusal is an LDAP result other than success.
type refusal struct {
	code    int
	message string
	matched string // the nearest entry above one that does not exist
}

func (r *refusal) Error() string { return r.message }

func refused(code int, message string) error { return &refusal{code: code, message: message} }

// result is the code, diagnostic and matched DN that answer err.
func result(err error) (options []gldap.Option) {
	if err == nil {
		return []gldap.Option{gldap.WithResponseCode(gldap.ResultSuccess)}
	}
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		r = &refusal{code: gldap.ResultOther, message: err.Error()}
	}
	return []gldap.Option{
		gldap.WithResponseCode(r.code), gldap.WithDiagnosticMessage(r.message), gldap.WithMatchedDN(r.matched),
	}
}

func (s *Server) bind(w *gldap.ResponseWriter, r *gldap.Request) {
	err := s.authenticate(r)
	_ = w.Write(r.NewBindResponse(result(err)...))
}

func (s *Server) authenticate(r *gldap.Request) error {
	s.setWriter(r.ConnectionID(), false)
	m, err := r.GetSimpleBindMessage()
	if err != nil {
		return refused(gldap.ResultAuthMethodNotSupported, "only simple binds are supported")
	}
	if m.UserName == "" && m.Password == "" {
		return nil // anonymous
	}
	same := subtle.ConstantTimeCompare([]byte(m.Password), []byte(s.options.Password)) == 1
	if !sameDN(m.UserName, s.options.BindDN) || !same {
		return refused(gldap.ResultInvalidCredentials, "no such user with this password")
	}
	s.setWriter(r.ConnectionID(), true)
	return nil
}

// writing answers a request that changes the tree.
func (s *Server) writing(w *gldap.ResponseWriter, r *gldap.Request, application int, change func() error) {
	err := refused(gldap.ResultInsufficientAccessRights, "only the bind DN may write")
	if s.mayWrite(r.ConnectionID()) {
		err = change()
	}
	_ = w.Write(r.NewResponse(append(result(err), gldap.WithApplicationCode(application))...))
}

func (s *Server) add(w *gldap.ResponseWriter, r *gldap.Request) {
	s.writing(w, r, gldap.ApplicationAddResponse, func() error {
		m, err := r.GetAddMessage()
		if err != nil {
			return refused(gldap.ResultProtocolError, err.Error())
		}
		e := entry{DN: m.DN}
		for _, a := range m.Attributes {
			if err := e.add(a.Type, a.Vals); err != nil {
				return err
			}
		}
		return s.tree.add(e)
	})
}

func (s *Server) modify(w *gldap.ResponseWriter, r *gldap.Request) {
	s.writing(w, r, gldap.ApplicationModifyResponse, func() error {
		m, err := r.GetModifyMessage()
		if err != nil {
			return refused(gldap.ResultProtocolError, err.Error())
		}
		return s.tree.modify(m.DN, func(e *entry) error {
			for _, c := range m.Changes {
				values, err := modified(c.Modification.Vals)
				if err != nil {
					return err
				}
				if err := e.change(c.Operation, c.Modification.Type, values); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// modified reads the values of a modification. gldap 0.1.14 gives the encoded
// set of them as one string, instead of the values.
func modified(sets []string) ([]string, error) {
	var values []string
	for _, set := range sets {
		for rest := strings.NewReader(set); rest.Len() > 0; {
			value, err := ber.ReadPacket(rest)
			if err != nil {
				return nil, refused(gldap.ResultProtocolError, "the values of a modification cannot be read")
			}
			values = append(values, text(value))
		}
	}
	return values, nil
}

func (s *Server) remove(w *gldap.ResponseWriter, r *gldap.Request) {
	s.writing(w, r, gldap.ApplicationDelResponse, func() error {
		m, err := r.GetDeleteMessage()
		if err != nil {
			return refused(gldap.ResultProtocolError, err.Error())
		}
		return s.tree.remove(m.DN)
	})
}

// refuse answers what is not supported.
func refuse(w *gldap.ResponseWriter, r *gldap.Request) {
	_ = w.Write(r.NewResponse(gldap.WithApplicationCode(gldap.ApplicationExtendedResponse),
		gldap.WithResponseCode(gldap.ResultUnwillingToPerform),
		gldap.WithDiagnosticMessage("this operation is not supported by the development directory")))
}

func (s *Server) search(w *gldap.ResponseWriter, r *gldap.Request) {
	err := s.find(w, r)
	done := r.NewSearchDoneResponse(result(err)...)
	_ = w.Write(done)
}

func (s *Server) find(w *gldap.ResponseWriter, r *gldap.Request) error {
	m, err := r.GetSearchMessage()
	if err != nil {
		return refused(gldap.ResultProtocolError, err.Error())
	}
	filter, err := ldap.CompileFilter(m.Filter)
	if err != nil {
		return refused(gldap.ResultProtocolError, "the filter cannot be read")
	}
	if m.BaseDN == "" && m.Scope == gldap.BaseObject {
		return send(w, r, m, s.root())
	}
	sent := int64(0)
	return s.tree.each(m.BaseDN, m.Scope, func(e entry) error {
		if !matches(filter, e) {
			return nil
		}
		if m.SizeLimit > 0 && sent == m.SizeLimit {
			return refused(gldap.ResultSizeLimitExceeded, "there are more entries than asked for")
		}
		sent++
		return send(w, r, m, e)
	})
}

// root is the root DSE (RFC 4512, section 5.1).
func (s *Server) root() entry {
	return entry{Attributes: []attribute{
		{"objectClass", []string{"top"}},
		{"namingContexts", []string{s.options.BaseDN}},
		{"supportedLDAPVersion", []string{"3"}},
	}}
}

func send(w *gldap.ResponseWriter, r *gldap.Request, m *gldap.SearchMessage, e entry) error {
	response := r.NewSearchResponseEntry(e.DN)
	for _, a := range e.Attributes {
		if !selected(m.Attributes, a.Name) {
			continue
		}
		values := a.Values
		if m.TypesOnly {
			values = nil
		}
		response.AddAttribute(a.Name, values)
	}
	return w.Write(response)
}
