package custody

import (
	"context"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/sdk/contract"
)

// MakeKey has the plugin make a key for the node's own identity.
func (i *Instance) MakeKey(ctx context.Context) (key *secret.Bytes, deposit []byte, err error) {
	err = i.forOperator(ctx, func(ctx context.Context, c *contract.Client) error {
		answer, err := c.NodeIdentity.Make(ctx, &contract.MakeRequest{})
		if err != nil {
			return err
		}
		key, deposit = secret.New(answer.GetKey()), answer.GetDeposit()
		return nil
	})
	return key, deposit, err
}

// OpenKey has the plugin open a key that it made for the node's own identity.
func (i *Instance) OpenKey(ctx context.Context, deposit []byte) (key *secret.Bytes, err error) {
	err = i.forOperator(ctx, func(ctx context.Context, c *contract.Client) error {
		answer, err := c.NodeIdentity.Open(ctx, &contract.OpenRequest{Deposit: deposit})
		if err != nil {
			return err
		}
		key = secret.New(answer.GetKey())
		return nil
	})
	return key, err
}
