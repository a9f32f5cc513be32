package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/sdk"
)

// filterText is a condition as one finds it in a pipeline.
const filterText = `event.channel == "sms" && event.delivery_status == "failed" && event.status_code != "30003"`

// filter measures a boolean filter over canonical fields.
func (b *bench) filter(context.Context) error {
	e, diags := hclsyntax.ParseExpression([]byte(filterText), "bench", hcl.InitialPos)
	if diags.HasErrors() {
		return diags
	}
	when, problems := expr.CompileBool(e, expr.Scope{})
	if problems.HasErrors() {
		return fmt.Errorf("%v", problems)
	}
	ev := &sdk.Event{Channel: sdk.SMS, DeliveryStatus: sdk.StatusFailed, StatusCode: "30005"}
	env := &expr.Env{}
	held := 0
	r := testing.Benchmark(func(tb *testing.B) {
		tb.ReportAllocs()
		for range tb.N {
			env.Reset(ev)
			if when.Eval(env) {
				held++
			}
		}
	})
	if held == 0 {
		return fmt.Errorf("the filter never held")
	}
	b.add("filter_ns", figure{"a boolean filter of three fields", float64(r.T.Nanoseconds()) / float64(r.N), "ns", "< 150", ""})
	b.add("filter_allocs", figure{"  allocations", float64(r.AllocsPerOp()), "", "0", ""})
	return nil
}
