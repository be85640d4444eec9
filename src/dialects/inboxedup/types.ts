/** Products in this API's words: upper case in what is read, lower case in what is asked for. */
import { type Product, products } from '../../mailboxes/products.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'

export type MailboxType = Uppercase<Product>

export const typeOf: Readonly<Record<Product, MailboxType>> = {
  microsoft: 'MICROSOFT',
  google: 'GOOGLE',
  smtp: 'SMTP',
  smtp_dedicated: 'SMTP_DEDICATED',
}

export const TypeView = OneOf(['MICROSOFT', 'GOOGLE', 'SMTP', 'SMTP_DEDICATED'])
export const TypeInput = OneOf(products, 'In lower case.')
