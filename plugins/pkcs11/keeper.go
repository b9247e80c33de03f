package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
)

// Settings are what a Keeper needs; Config yields them for pkcs11, package softhsmdemo makes its own.
type Settings struct {
	Token      token.Options
	Realm      string
	Rung       string // empty: the first that holds
	CreateKeys bool   // make the rung's key in a realm that has used another rung so far
	ShareCache int    // how many networks' shares the sdk keeps opened
	InUse      bool   // the realm has something in it, and is refused where it has not
	// Settle is called after something was written to the token and before that is used, and returns when it is
	// durable. It may be nil: hardware answers when it is done.
	Settle func() error
}

// Logger is the part of a logger that a Keeper uses.
type Logger interface {
	Info(msg string, args ...any)
	Warn(msg string, args ...any)
}

// Keeper is the custodian: one realm in one token. It is safe for concurrent use.
type Keeper struct {
	token  *token.Token
	realm  string
	rung   rung
	settle func() error
	log    Logger
	cached int

	writing chan struct{} // holds an entry while something is written to the token, until it is settled
	making  chan struct{} // holds an entry while the realm's first key is made

	mu    sync.Mutex
	key   []byte    // id of the key for new deposits; nil while the realm has none
	known inventory // what the token held at start, and what was made since

	doubted   time.Time // when the token was last doubted
	tenure    tenure    // the newest claim when last looked at
	keepsNone bool      // the token takes no claim
}

var (
	_ sdk.Custodian      = (*Keeper)(nil)
	_ sdk.RootKeeper     = (*Keeper)(nil)
	_ sdk.Schemer        = (*Keeper)(nil)
	_ sdk.StatusReporter = (*Keeper)(nil)
	_ sdk.ShareCacher    = (*Keeper)(nil)
	_ sdk.TenureKeeper   = (*Keeper)(nil)
)

// Open logs in to the token, checks that the realm is whole and proves a rung.
func Open(ctx context.Context, s Settings, log Logger) (*Keeper, error) {
	if err := checkRealm(s.Realm); err != nil {
		return nil, fault.New(fault.Invalid, "pkcs11: %w", err)
	}
	if s.Settle == nil {
		s.Settle = func() error { return nil }
	}
	t, err := token.Open(ctx, s.Token)
	if err != nil {
		return nil, err
	}
	k := &Keeper{token: t, realm: s.Realm, settle: s.Settle, log: log, cached: s.ShareCache,
		writing: make(chan struct{}, 1), making: make(chan struct{}, 1)}
	if err := k.start(ctx, s); err != nil {
		_ = t.Close()
		return nil, err
	}
	return k, nil
}

func (k *Keeper) start(ctx context.Context, s Settings) error {
	found, err := again(ctx, k, func(s *token.Session) (inventory, error) { return takeInventory(s, k.realm) })
	if err != nil {
		return err
	}
	if s.InUse && found.virgin() {
		return k.empty()
	}
	if err := checkRoot(found, k.realm); err != nil {
		return err
	}
	k.known = found
	if k.rung, k.key, err = k.choose(ctx, s.Rung, found); err != nil {
		return err
	}
	if stray := found.stray(); len(stray) > 0 {
		k.log.Warn("the realm has keys beside the one in use; what was sealed with them still opens", "realm", k.realm, "stray", strings.Join(stray, ", "))
	}
	if len(found.keys[k.rung.name]) == 0 && !found.virgin() {
		if !s.CreateKeys {
			return fault.New(fault.Invalid, "pkcs11: realm %q has no key for rung %s, but one for another: set create_keys to move the realm, or name the other rung",
				k.realm, k.rung.name)
		}
		if k.key, err = k.makeKey(ctx, k.rung); err != nil {
			return err
		}
		k.log.Warn("a key was made because create_keys is set; take it out of the configuration again", "realm", k.realm, "rung", k.rung.name)
	}
	k.log.Info("the token keeps keys", "token", k.token.String(), "realm", k.realm, "rung", k.rung.name, "key", fmt.Sprintf("%x", k.key))
	return nil
}

// Safeguard seals key in the token.
func (k *Keeper) Safeguard(ctx context.Context, key []byte, about sdk.Context) ([]byte, error) {
	if len(key) == 0 || len(key) > maxKey {
		return nil, fault.New(fault.Invalid, "pkcs11: safeguard: expected a key of 1 to %d bytes, found %d", maxKey, len(key))
	}
	id, err := k.sealingKey(ctx, about.Purpose)
	if err == nil && about.OwnKey {
		id, err = k.makeOwnKey(ctx)
	}
	if err != nil {
		return nil, err
	}
	d := deposit{Version: depositVersion, Rung: k.rung.name, Realm: k.realm, Key: id, Own: about.OwnKey}
	find := k.finder(d)
	aad, err := d.associate(about)
	if err != nil {
		return nil, err
	}
	// A copy, since a call left behind in the module may outlive this one, and the caller clears its key.
	plain := secret.Copy(key)
	d, err = twice(ctx, k, func(s *token.Session) (deposit, error) {
		object, err := find(s, k.rung, id)
		if err != nil {
			return d, err
		}
		d := d
		d.Parameters, d.Sealed, err = k.rung.seal(s, object, place{k.realm, id, aad}, plain.Open())
		return d, err
	})
	if ctx.Err() == nil {
		plain.Clear() // otherwise the call left behind may still use it, and the garbage collector gets it
	}
	if err != nil {
		k.doubt(ctx, err, k.rung, id, find)
		return nil, err
	}
	return dag.Encode(d)
}

// Restore opens a deposit of any rung.
func (k *Keeper) Restore(ctx context.Context, b []byte, about sdk.Context) ([]byte, error) {
	d, r, err := parseDeposit(b)
	if err != nil {
		return nil, err
	}
	if d.Realm != k.realm {
		return nil, fault.New(fault.Invalid, "pkcs11: deposit: expected realm %q, found %q", k.realm, d.Realm)
	}
	aad, err := d.associate(about)
	if err != nil {
		return nil, err
	}
	key, err := twice(ctx, k, func(s *token.Session) ([]byte, error) {
		object, err := k.finder(d)(s, r, d.Key)
		if err != nil {
			return nil, err
		}
		return r.open(s, object, place{d.Realm, d.Key, aad}, d.Parameters, d.Sealed)
	})
	if err != nil && token.Refused(err) && k.works(ctx, r, d.Key, k.finder(d)) {
		// To a forged deposit some tokens give their most general error. Since the same key works, it is the deposit.
		return nil, fault.New(fault.Denied, "pkcs11: deposit does not open: it was changed, or belongs to something else: %w", err)
	}
	if err != nil {
		k.doubt(ctx, err, r, d.Key, k.finder(d))
	}
	return key, err
}

// doubt has the token connected to anew where an error may mean that it is away although its library answers.
func (k *Keeper) doubt(ctx context.Context, err error, r rung, id []byte, find find) {
	if !errors.Is(err, errVanished) && !(token.General(err) && ctx.Err() == nil && !k.works(ctx, r, id, find)) {
		return
	}
	k.mu.Lock()
	early := time.Since(k.doubted) < doubtEvery
	if !early {
		k.doubted = time.Now()
	}
	k.mu.Unlock()
	if !early {
		k.token.Suspect()
	}
}

// doubtEvery keeps a key that was really removed from costing a login for each call that misses it.
const doubtEvery = 5 * time.Second

// works tells whether a rung's key seals and opens.
func (k *Keeper) works(ctx context.Context, r rung, id []byte, find find) bool {
	return k.holds(ctx, func(s *token.Session) (token.Object, error) { return find(s, r, id) }, r.roundTrip) == nil
}

// sealingKey returns the id of the key for new deposits. It makes the realm's first key, for the first thing that is
// ever sealed in a realm, or settles which of its keys is used.
func (k *Keeper) sealingKey(ctx context.Context, p sdk.Purpose) ([]byte, error) {
	if id := k.currentKey(); id != nil {
		return id, nil
	}
	if p != sdk.PurposeCustodyRoot && p != sdk.PurposeNodeIdentity && !k.hasKey() {
		return nil, fault.New(fault.Unavailable, "pkcs11: realm %q has no key: enrol first", k.realm)
	}
	select {
	case k.making <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.New(fault.Of(ctx.Err()), "pkcs11: wait for the key of realm %q to be made: %w", k.realm, ctx.Err())
	}
	defer func() { <-k.making }()
	if id := k.currentKey(); id != nil {
		return id, nil
	}
	id, err := k.makeKey(ctx, k.rung)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.key = id
	return id, nil
}

func (k *Keeper) hasKey() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.known.keys[k.rung.name]) > 0
}

func (k *Keeper) currentKey() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.key
}

// Scheme names the rung.
func (k *Keeper) Scheme() string { return "pkcs11/" + k.rung.name }

// Close gives the token back.
func (k *Keeper) Close() error {
	k.awaitWrite()
	return k.token.Close()
}

// virgin tells that nothing was ever kept in the realm.
func (i inventory) virgin() bool { return i.root == nil && len(i.keys) == 0 }

// choose takes a rung and the id of its key, nil if none is settled.
func (k *Keeper) choose(ctx context.Context, named string, found inventory) (rung, []byte, error) {
	candidates := ladder
	switch {
	case named != "":
		r, err := rungByName(named)
		if err != nil {
			return rung{}, nil, fault.New(fault.Invalid, "pkcs11: %w", err)
		}
		candidates = []rung{r}
	case !found.virgin():
		// A realm stays on a rung that it has a key for: another firmware must not change how it keeps.
		candidates = slices.DeleteFunc(slices.Clone(ladder), func(r rung) bool { return len(found.keys[r.name]) == 0 })
	}
	var reasons error
	for _, r := range candidates {
		err := k.proveTwice(ctx, r, found.candidate(r))
		if err == nil {
			return r, found.settled(r), nil
		}
		if kind := fault.Of(err); kind != fault.Unsupported && !token.Refused(err) {
			return rung{}, nil, fault.New(kind, "pkcs11: prove rung %s: %w", r.name, err)
		}
		k.log.Warn("a rung does not hold on this token", "rung", r.name, "reason", err.Error())
		if reasons == nil {
			reasons = fmt.Errorf("rung %s: %w", r.name, err)
		} else {
			reasons = fmt.Errorf("%w; rung %s: %w", reasons, r.name, err)
		}
	}
	if token.Lost(reasons) {
		// Whether the token is unwell or bears no rung cannot be told: it is tried again.
		return rung{}, nil, fault.New(fault.Unavailable, "pkcs11: no way of keeping keys holds on %s, which was lost meanwhile (rung = %q may help): %w",
			k.token, ladder[len(ladder)-1].name, reasons)
	}
	return rung{}, nil, fault.New(fault.Unsupported, "pkcs11: no way of keeping keys holds on %s: %w", k.token, reasons)
}

// ShareCache implements sdk.ShareCacher.
func (k *Keeper) ShareCache() int { return k.cached }
