package project

import (
	"context"
	"errors"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/internal/hint"
)

// sandbox finds the strongest tier that the kernel allows, once, and warns if
// that isn't the strongest there is.
func (p *Project) sandbox(ctx context.Context) (*sandbox.Sandbox, error) {
	p.boxOnce.Do(func() {
		var tier sandbox.Tier
		if tier, p.boxErr = p.tier(ctx); p.boxErr == nil {
			p.box = sandbox.New(tier, sandbox.Options{Now: p.opts.Now})
		}
	})
	return p.box, p.boxErr
}

// tier is the tier to build in. ENVBUILD_SANDBOX names a weaker one than the
// kernel allows, to try what a container would do.
func (p *Project) tier(ctx context.Context) (sandbox.Tier, error) {
	scratch, remove, err := p.Store.TempDir("probe")
	if err != nil {
		return 0, err
	}
	tier, reason := sandbox.Probe(ctx, scratch)
	if err := remove(); err != nil {
		return 0, err
	}
	if ctx.Err() != nil {
		return 0, &build.InterruptedError{Cause: context.Cause(ctx)}
	}
	if name := p.Getenv("ENVBUILD_SANDBOX"); name != "" {
		asked, err := sandbox.ParseTier(name)
		if err != nil {
			return 0, &UsageError{Message: "ENVBUILD_SANDBOX: " + err.Error()}
		}
		if asked < tier {
			tier, reason = asked, errors.New("ENVBUILD_SANDBOX asks for it")
		}
	}
	if tier == sandbox.Namespaces {
		return tier, nil
	}
	if p.opts.RequireSandbox {
		return 0, &SandboxRequiredError{Tier: tier, Reason: reason}
	}
	p.Emit(build.Event{
		Kind:    build.Warning,
		Message: "steps run in the sandbox tier " + tier.String() + ": " + reason.Error(),
		Hint:    hint.Of(reason),
	})
	return tier, nil
}

// SandboxRequiredError says that --require-sandbox can't be met.
type SandboxRequiredError struct {
	Tier   sandbox.Tier
	Reason error
}

func (e *SandboxRequiredError) Error() string {
	return "--require-sandbox: the strongest tier here is " + e.Tier.String() + ": " + e.Reason.Error()
}

// Unwrap returns why.
func (e *SandboxRequiredError) Unwrap() error { return e.Reason }
