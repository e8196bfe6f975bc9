package provider

import (
	"context"
	"fmt"
	"math"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Whole numbers are Terraform numbers here, and not the framework's Int64: that
// one refuses 47.5 and 1e30 as "always an error in the provider", without the
// value and before any validator sees it.

// numberCheck is a validator of a whole number that is known and not null. The
// check returns a sentence that says what is wrong, or an empty string.
type numberCheck struct {
	description string
	check       func(int64) string
}

func (v numberCheck) Description(context.Context) string         { return v.description }
func (v numberCheck) MarkdownDescription(context.Context) string { return v.description }

func (v numberCheck) ValidateNumber(_ context.Context, req validator.NumberRequest, resp *validator.NumberResponse) {
	if problem := v.problem(req.ConfigValue); problem != "" {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid value for "+req.Path.String(), problem)
	}
}

// problem says what is wrong with a number; nothing is with null and unknown.
func (v numberCheck) problem(number types.Number) string {
	if number.IsNull() || number.IsUnknown() {
		return ""
	}
	n, problem := whole(number.ValueBigFloat())
	if problem != "" {
		return problem
	}
	return v.check(n)
}

// whole returns the whole number that f is, or says why it is none.
func whole(f *big.Float) (n int64, problem string) {
	n, accuracy := f.Int64()
	switch {
	case !f.IsInt():
		return 0, fmt.Sprintf("%s is not a whole number.", written(f))
	case accuracy == big.Below:
		return 0, fmt.Sprintf("%s is too large: the largest whole number here is %d.", written(f), int64(math.MaxInt64))
	case accuracy == big.Above:
		return 0, fmt.Sprintf("%s is too small: the smallest whole number here is %d.", written(f), int64(math.MinInt64))
	}
	return n, ""
}

// written writes a number as a person would: not all of the 150 digits of a third.
func written(f *big.Float) string {
	const most = 20
	if s := f.Text('f', -1); len(s) <= most {
		return s
	}
	return f.Text('g', most)
}

// int64Of returns a number that has been checked; 0 for null and unknown.
func int64Of(number types.Number) int64 {
	if number.IsNull() || number.IsUnknown() {
		return 0
	}
	n, _ := number.ValueBigFloat().Int64()
	return n
}

// int64Pointer returns a number that has been checked; nil for null and unknown.
func int64Pointer(number types.Number) *int64 {
	if number.IsNull() || number.IsUnknown() {
		return nil
	}
	n := int64Of(number)
	return &n
}

func numberValue(n int64) types.Number { return types.NumberValue(new(big.Float).SetInt64(n)) }

// atLeast accepts a whole number from least on.
func atLeast(least int64) numberCheck {
	return numberCheck{
		description: fmt.Sprintf("must be a whole number of at least %d", least),
		check: func(n int64) string {
			if n < least {
				return fmt.Sprintf("The value must be at least %d, got: %d.", least, n)
			}
			return ""
		},
	}
}

// between accepts a whole number in a range.
func between(least, most int64) numberCheck {
	return numberCheck{
		description: fmt.Sprintf("must be a whole number between %d and %d", least, most),
		check: func(n int64) string {
			if n < least || n > most {
				return fmt.Sprintf("The value must be between %d and %d, got: %d.", least, most, n)
			}
			return ""
		},
	}
}

// unixMillis accepts a Unix time in milliseconds and refuses what is surely
// one in another unit.
var unixMillis = numberCheck{
	description: "must be a Unix time in milliseconds",
	check: func(n int64) string {
		const (
			tooSmall = 100_000_000_000     // in milliseconds: March 1973, years before any log
			tooLarge = 100_000_000_000_000 // in milliseconds: the year 5138; in microseconds: March 1973
			nanos    = 100_000_000_000_000_000
		)
		switch {
		case n < 0:
			return fmt.Sprintf("A Unix time in milliseconds is not negative; got %d.", n)
		case n > 0 && n <= tooSmall:
			return fmt.Sprintf("%d looks like a time in seconds. The value is a Unix time in milliseconds; did you mean %d000?", n, n)
		case n >= nanos:
			return fmt.Sprintf("%d looks like a time in nanoseconds. The value is a Unix time in milliseconds; did you mean %d?", n, n/1_000_000)
		case n > tooLarge:
			return fmt.Sprintf("%d looks like a time in microseconds. The value is a Unix time in milliseconds; did you mean %d?", n, n/1000)
		}
		return ""
	},
}

// notZero refuses 0.
var notZero = numberCheck{
	description: "must not be 0",
	check: func(n int64) string {
		if n == 0 {
			return "A shift of 0 moves nothing. Use position = \"current\" to commit the offsets as they are."
		}
		return ""
	},
}

// numbersIn checks the numbers of a set.
type numbersIn struct{ each numberCheck }

func (v numbersIn) Description(ctx context.Context) string {
	return "each number " + v.each.Description(ctx)
}
func (v numbersIn) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v numbersIn) ValidateSet(_ context.Context, req validator.SetRequest, resp *validator.SetResponse) {
	for _, element := range req.ConfigValue.Elements() {
		if number, ok := element.(types.Number); ok {
			if problem := v.each.problem(number); problem != "" {
				// The set as a whole is at fault: no expression has a path to one element.
				resp.Diagnostics.AddAttributeError(req.Path, "Invalid value for "+req.Path.String(), problem)
			}
		}
	}
}
