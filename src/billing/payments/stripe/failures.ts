/** Stripe's errors, told apart by what they say of what was asked for: was it done, was it not, or is that not known. */
import type Stripe from 'stripe'
import { type FailureKind, PaymentFailure } from '../provider.ts'

type Errors = typeof Stripe.errors

/** What a call of the SDK threw. What is no error of Stripe's is thrown on as it is. */
export function paymentFailure(errors: Errors, error: unknown): unknown {
  if (!(error instanceof errors.StripeError)) return error
  const { code, decline_code, advice_code, payment_intent, message, statusCode, requestId } = error
  const decline = {
    code: code ?? error.type,
    declineCode: decline_code ?? null,
    adviceCode: advice_code ?? null,
  }
  return new PaymentFailure(
    kindOf(errors, error),
    `${error.type} ${statusCode ?? ''} ${code ?? ''} ${requestId ?? ''}: ${message}`,
    { decline, paymentId: payment_intent?.id ?? null, cause: error },
  )
}

function kindOf(errors: Errors, error: Stripe.errors.StripeError): FailureKind {
  if (error instanceof errors.StripeCardError) return 'declined'
  // A defect of ours, after which the first request with the key may have been carried out.
  if (error instanceof errors.StripeIdempotencyError) return 'unknown'
  if (error instanceof errors.StripeInvalidRequestError)
    return error.code === 'resource_missing' ? 'gone' : 'refused'
  // Nothing was done: the operator mends the key, and it goes on.
  if (error instanceof errors.StripeAuthenticationError || error instanceof errors.StripePermissionError)
    return 'busy'
  if (error instanceof errors.StripeRateLimitError) return 'busy'
  return 'unknown'
}
