package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// conditions and texts are expressions as one finds them in pipelines. They mean
// the same to HCL's own evaluator.
var (
	conditions = []string{
		filterText,
		`event.event_type != "queued"`,
		`contains(["30003", "30005", "30006"], event.status_code) || event.recipient == "+15550100"`,
		`event.attributes.tier == "gold" && !(event.campaign_id == "test" || event.campaign_id == "qa")`,
		`lower(event.campaign_id) == "spring-sale"`,
	}
	texts = []string{
		`event.campaign_id`,
		`"${event.channel}/${event.campaign_id}/${event.attributes.region}"`,
		`event.delivery_status == "failed" ? event.status_code : "none"`,
		`upper(event.attributes.region)`,
	}
)

// sample is the event that expressions are measured on, as patchbay has it and
// as HCL's evaluator sees it.
func sample() (*sdk.Event, *hcl.EvalContext) {
	e := &sdk.Event{
		Channel: sdk.SMS, Type: sdk.Failed, DeliveryStatus: sdk.StatusFailed, StatusCode: "30005", CampaignID: "Spring-Sale",
		Recipient: "+15550199", Attributes: sdk.Attributes{{Name: "region", Value: "eu"}, {Name: "tier", Value: "gold"}},
	}
	str := cty.StringVal
	return e, &hcl.EvalContext{
		Variables: map[string]cty.Value{"event": cty.ObjectVal(map[string]cty.Value{
			"channel": str("sms"), "event_type": str("failed"), "delivery_status": str("failed"), "status_code": str(e.StatusCode),
			"campaign_id": str(e.CampaignID), "recipient": str(e.Recipient),
			"attributes": cty.MapVal(map[string]cty.Value{"region": str("eu"), "tier": str("gold")}),
		})},
		Functions: map[string]function.Function{"contains": stdlib.ContainsFunc, "lower": stdlib.LowerFunc, "upper": stdlib.UpperFunc},
	}
}

// expressions compares compiled expressions with HCL's evaluator. The evaluator
// is given its context ready-made, which it would have to build for each event.
func (b *bench) expressions(context.Context) error {
	ev, ctx := sample()
	env := &expr.Env{}
	env.Reset(ev)
	worst, logs, n := math.Inf(1), 0.0, 0
	compare := func(src string, compiled func(hclsyntax.Expression) (func() string, error)) error {
		e, diags := hclsyntax.ParseExpression([]byte(src), "bench", hcl.InitialPos)
		if diags.HasErrors() {
			return diags
		}
		ours, err := compiled(e)
		if err != nil {
			return err
		}
		v, diags := e.Value(ctx)
		if diags.HasErrors() {
			return diags
		}
		if got, want := ours(), text(v); got != want {
			return fmt.Errorf("%s is %q compiled and %q evaluated", src, got, want)
		}
		ratio := median(ratios(func() { ours() }, func() { _, _ = e.Value(ctx) }))
		worst, logs, n = min(worst, ratio), logs+math.Log(ratio), n+1
		return nil
	}
	for _, src := range conditions {
		if err := compare(src, func(e hclsyntax.Expression) (func() string, error) { return condition(e, env) }); err != nil {
			return err
		}
	}
	for _, src := range texts {
		if err := compare(src, func(e hclsyntax.Expression) (func() string, error) { return textual(e, env) }); err != nil {
			return err
		}
	}
	b.add("expr_ratio", figure{fmt.Sprintf("%d expressions against HCL's evaluator", n), math.Exp(logs / float64(n)), "times", ">= 20", "faster; geometric mean"})
	b.add("expr_ratio_worst", figure{"  the least of them", worst, "times", ">= 20", ""})
	return nil
}

// ratios measures how many times faster fast is than slow, in turn so that both
// have the same machine.
func ratios(fast, slow func()) []float64 {
	const rounds, runs = 9, 2000
	var out []float64
	for range rounds {
		began := time.Now()
		for range runs {
			slow()
		}
		middle := time.Now()
		for range 20 * runs {
			fast()
		}
		out = append(out, 20*float64(middle.Sub(began))/float64(time.Since(middle)))
	}
	return out
}

func text(v cty.Value) string {
	if v.Type() == cty.Bool {
		return fmt.Sprint(v.True())
	}
	return v.AsString()
}

func condition(e hclsyntax.Expression, env *expr.Env) (func() string, error) {
	c, problems := expr.CompileBool(e, expr.Scope{})
	if problems.HasErrors() {
		return nil, fmt.Errorf("%v", problems)
	}
	return func() string {
		if c.Eval(env) {
			return "true"
		}
		return "false"
	}, nil
}

func textual(e hclsyntax.Expression, env *expr.Env) (func() string, error) {
	c, problems := expr.CompileString(e, expr.Scope{})
	if problems.HasErrors() {
		return nil, fmt.Errorf("%v", problems)
	}
	return func() string {
		s, _ := c.Eval(env)
		return s
	}, nil
}
