package config

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// functions are what static expressions of the scope may call.
func (l *loader) functions() map[string]function.Function {
	dir := l.dir()
	if out := l.callable[dir]; out != nil {
		return out
	}
	out := map[string]function.Function{}
	for name, f := range map[string]function.Function{
		"coalesce": stdlib.CoalesceFunc,
		"concat":   stdlib.ConcatFunc,
		"length":   stdlib.LengthFunc,
		"lower":    stdlib.LowerFunc,
		"tonumber": stdlib.MakeToFunc(cty.Number),
		"tostring": stdlib.MakeToFunc(cty.String),
		"toset":    stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
		"upper":    stdlib.UpperFunc,
	} {
		out[name] = l.bounded(f, name == "concat" || name == "coalesce" || name == "tostring")
	}
	out["secret"] = function.New(&function.Spec{
		Params: []function.Parameter{{Name: "reference", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(_ []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.UnknownVal(cty.String), nil // secretCall is in front of it
		},
	})
	l.callable[dir] = out
	return out
}

// bounded wraps a function: its arguments and result are metered, and secrets
// are refused unless it keeps them whole.
func (r *run) bounded(f function.Function, whole bool) function.Function {
	check := func(args []cty.Value) error {
		for _, a := range args {
			if !whole && a.HasMarkDeep(secretMark{}) {
				return secretRefused()
			}
		}
		return nil
	}
	spec := &function.Spec{
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := check(args); err != nil {
				return cty.NilType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if no := r.chargeValues(args...); no != nil {
				return cty.NilVal, no
			}
			out, err := f.Call(args)
			if err != nil {
				return cty.NilVal, err
			}
			if no := r.chargeValues(out); no != nil {
				return cty.NilVal, no
			}
			return out, nil
		},
	}
	for _, p := range f.Params() {
		p.AllowMarked = true
		spec.Params = append(spec.Params, p)
	}
	if p := f.VarParam(); p != nil {
		v := *p
		v.AllowMarked = true
		spec.VarParam = &v
	}
	return function.New(spec)
}
