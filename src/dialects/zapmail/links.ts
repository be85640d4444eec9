/** Replies that bring a link beside the message, in no envelope. */
import { type Static, Type } from 'typebox'
import { publicUrl } from '../../delivery/bounces/unsubscribe.ts'
import type { Platform } from '../../platform/platform.ts'

export const LinkView = Type.Object(
  { message: Type.String(), paymentLink: Type.Optional(Type.String()) },
  { title: 'PaymentLink' },
)

export function linkOf(message: string, link: string | null): Static<typeof LinkView> {
  return { message, ...(link === null ? {} : { paymentLink: link }) }
}

/** The invoice as PDF. It is shown with a key of the workspace, as all of the native API. */
export function invoiceLink(platform: Platform, invoiceId: string | null): string | null {
  return invoiceId === null ? null : `${publicUrl(platform)}/v1/invoices/${invoiceId}/pdf`
}
