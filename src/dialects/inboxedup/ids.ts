/** This API's prefixes of ids. The customer's id is a bare one. */
import type { ErrorCode } from '../../platform/errors.ts'
import { Refusal } from '../../platform/errors.ts'
import { prefixedIds } from '../prefixed-ids.ts'

const ids = prefixedIds({
  domain: 'dom_',
  /** Of domains. */
  batch: 'batch_',
  /** For mailboxes. */
  request: 'req_',
  subscription: 'sub_',
})

export const { prefixedId } = ids

const missing = {
  domain: 'domain_not_found',
  batch: 'batch_not_found',
  request: 'mailbox_request_not_found',
  subscription: 'subscription_not_found',
} as const satisfies Record<string, ErrorCode>

/** The id behind the prefix. @throws Refusal of the kind that is not found, for what is no id of it. */
export function requireId(kind: keyof typeof missing, text: string): string {
  const id = ids.bareId(kind, text)
  if (id === null) throw new Refusal(missing[kind])
  return id
}
