/** Products in this API's words: upper case in what is read, lower case in what is asked for. */
import type { Product } from '../../domains/products.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'

const types = ['MICROSOFT', 'GOOGLE', 'SMTP', 'SMTP_DEDICATED'] as const
export type MailboxType = (typeof types)[number]

/** A product of another vendor's is told as the one that it is a kind of. */
export const typeOf: Readonly<Record<Product, MailboxType>> = {
  microsoft: 'MICROSOFT',
  azure: 'MICROSOFT',
  google: 'GOOGLE',
  smtp: 'SMTP',
  smtp_dedicated: 'SMTP_DEDICATED',
}

export const TypeView = OneOf(types)
export const TypeInput = OneOf(['google', 'microsoft', 'smtp', 'smtp_dedicated'], 'In lower case.')
