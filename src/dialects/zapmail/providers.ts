/** This API keeps the mailboxes of two providers apart: a call is about one of them, GOOGLE where it says nothing. */
import type { FastifyRequest } from 'fastify'
import type { Product } from '../../domains/products.ts'
import { Refusal } from '../../platform/errors.ts'
import { headerOf } from '../callers.ts'

export const providers = ['GOOGLE', 'MICROSOFT'] as const
export type Provider = (typeof providers)[number]

/** @throws Refusal invalid_request. */
export function providerOf(request: FastifyRequest): Provider {
  const text = headerOf(request, 'x-service-provider')?.trim() || 'GOOGLE'
  const found = providers.find((one) => one === text.toUpperCase())
  if (!found) throw new Refusal('invalid_request', 'x-service-provider must be one of: GOOGLE, MICROSOFT')
  return found
}

/** What is bought under a provider. */
export const productOf = { GOOGLE: 'google', MICROSOFT: 'microsoft' } as const satisfies Record<
  Provider,
  Product
>

/** Whose a domain or a mailbox is: what is of neither, or of no product, is told with GOOGLE's, which is the usual one. */
export function providerOfProduct(product: Product | null): Provider {
  return product === 'microsoft' || product === 'azure' ? 'MICROSOFT' : 'GOOGLE'
}

/** The products that a provider's lists show; null stands for no product. */
export const productsOf: Readonly<Record<Provider, readonly (Product | null)[]>> = {
  GOOGLE: ['google', 'smtp', 'smtp_dedicated', null],
  MICROSOFT: ['microsoft', 'azure'],
}
