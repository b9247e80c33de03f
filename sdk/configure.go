package sdk

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/internal/guard"
	"github.com/milagro-dta/dta/sdk/pluginconf"
)

func (s *server) Validate(_ context.Context, req *contract.ValidateRequest) (*contract.ValidateResponse, error) {
	config, check := s.plugin.config()
	r := pluginconf.Validate(pluginconf.FromWire(req.GetBlock()), config, check)
	answer := &contract.ValidateResponse{Diagnostics: contract.FromHCL(r.Diagnostics)}
	if namer, ok := config.(RealmNamer); ok && !r.HasErrors() {
		name := sha256.Sum256([]byte(namer.RealmName()))
		answer.Realm = name[:]
	}
	return answer, nil
}

func (s *server) Configure(ctx context.Context, req *contract.ConfigureRequest) (*contract.ConfigureResponse, error) {
	s.configuring.Lock()
	defer s.configuring.Unlock()

	asked, err := digest(req)
	if err != nil {
		return nil, err
	}
	if _, err := s.configured(); err == nil {
		return s.sameAgain(asked)
	}
	known, err := s.checkBelief(req)
	if err != nil {
		return nil, err
	}
	config, check := s.plugin.config()
	r := pluginconf.Decode(pluginconf.FromWire(req.GetBlock()), config, check)
	answer := &contract.ConfigureResponse{Diagnostics: contract.FromHCL(r.Diagnostics)}
	if r.HasErrors() {
		return answer, nil
	}
	s.log.scrubWith(r.Scrub)

	i, err := s.open(ctx, config, r, req)
	if err != nil {
		return nil, err
	}
	err = checkScheme(i.custodian)
	if err == nil {
		err = checkKeyTypes(i.keyTypes)
	}
	if err == nil {
		err = i.guard.Load(ctx, req.GetRoot(), known)
	}
	if err != nil {
		i.guard.Close()
		closeCustodian(s.logger, i.custodian)
		return nil, fault.New(fault.Of(err), "%s", r.Scrub(err.Error()))
	}
	answer.CustodyChain, answer.Scheme = i.guard.Chain(), schemeOf(i.custodian)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.instance, s.configure, s.answer = i, asked, answer
	return answer, nil
}

// sameAgain answers a repeated Configure, which a host sends that attached anew.
func (s *server) sameAgain(asked [32]byte) (*contract.ConfigureResponse, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if asked != s.configure {
		return nil, fault.New(fault.Conflict, "the plugin is configured already, otherwise; it must be started anew")
	}
	return &contract.ConfigureResponse{
		Diagnostics:  s.answer.Diagnostics,
		CustodyChain: s.instance.guard.Chain(),
		Scheme:       s.answer.Scheme,
	}, nil
}

const maxInstance = 64 // bytes

// checkBelief holds what the host believes against what the plugin is.
func (s *server) checkBelief(req *contract.ConfigureRequest) (known dag.CID, err error) {
	if req.GetType() != s.plugin.typ {
		return known, fault.New(fault.Invalid, "this program is a plugin of type %q, not %q", s.plugin.typ, req.GetType())
	}
	if n := len(req.GetInstance()); n == 0 || n > maxInstance {
		return known, fault.New(fault.Invalid, "expected an instance name of 1 to %d bytes, found %d", maxInstance, n)
	}
	if req.GetSupervised() != (s.mode == order.Supervised) {
		return known, fault.New(fault.Invalid, "this plugin is %s; the host believes otherwise", s.mode)
	}
	if len(req.GetRoot()) > contract.MaxDeposit {
		return known, fault.New(fault.Invalid, "expected a root deposit of at most %d bytes, found %d", contract.MaxDeposit, len(req.GetRoot()))
	}
	if len(req.GetCustody()) == 0 {
		return known, nil
	}
	known, err = dag.FromBytes(req.GetCustody())
	if err != nil {
		return known, fault.New(fault.Invalid, "the name of the custody identity: %w", err)
	}
	return known, nil
}

// checkScheme refuses at the start what no receipt could carry later.
func checkScheme(c Custodian) error {
	if scheme := schemeOf(c); !order.IsLabel(scheme) {
		return fault.New(fault.Invalid, "expected a scheme of at most %d printable characters, found %.80q", order.MaxLabel, scheme)
	}
	return nil
}

// checkKeyTypes refuses at the start a KeyMaker that could serve no order, or keys that this sdk cannot check.
func checkKeyTypes(names []string) error {
	if len(names) == 0 {
		return fault.New(fault.Invalid, "expected a KeyMaker to name the types of its keys, found none")
	}
	for i, name := range names {
		if _, err := keytype.ByName(name); err != nil {
			return fault.New(fault.Invalid, "KeyMaker: %w", err)
		}
		if slices.Contains(names[:i], name) {
			return fault.New(fault.Invalid, "KeyMaker: key type %s is named twice", name)
		}
	}
	return nil
}

// open has the author's code start the custodian. Whatever it says goes to the operator, who alone can help.
func (s *server) open(ctx context.Context, config any, r *pluginconf.Result, req *contract.ConfigureRequest) (*instance, error) {
	custodian, err := s.plugin.open(ctx, config, Environment{
		Logger: s.logger.Named(s.plugin.typ), Instance: req.GetInstance(), InUse: req.GetInUse(),
	})
	if err != nil {
		kind := fault.Of(err)
		if kind == fault.Internal {
			kind = fault.Unavailable
		}
		return nil, fault.New(kind, "%s", r.Scrub(err.Error()))
	}
	settings := guard.Settings{
		Custodian: keeper{custodian, s.lent},
		Instance:  req.GetInstance(),
		Type:      s.plugin.typ,
		Scheme:    func() string { return schemeOf(custodian) },
		Mode:      s.mode,
		Now:       time.Now,
	}
	_, settings.OwnKeys = custodian.(Destroyer)
	keyTypes := keytype.Names()
	if m, ok := custodian.(KeyMaker); ok {
		keyTypes = slices.Clone(m.KeyTypes())
		settings.Keys, settings.KeyTypes = maker{m}, keyTypes
	}
	if roots, ok := custodian.(RootKeeper); ok {
		settings.Roots = roots
	}
	if i, ok := custodian.(Issuer); ok {
		settings.Issuer = issuer{i}
	}
	if c, ok := custodian.(ShareCacher); ok {
		settings.Cached = min(c.ShareCache(), MaxShareCache)
	}
	g, err := guard.New(settings)
	if err != nil {
		s.logger.Warn("networks' shares are not kept opened", "error", err)
	}
	return &instance{name: req.GetInstance(), custodian: custodian, guard: g, keyTypes: keyTypes, scrub: r.Scrub}, nil
}
