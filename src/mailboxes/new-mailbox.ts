/** What is asked for when mailboxes are made, and how they are made. */
import type { Period } from '../billing/tables.ts'
import type { Domain } from '../domains/domains.ts'
import type { Product } from '../domains/products.ts'
import type { ErrorCode, FieldProblem, Quota } from '../platform/errors.ts'
import type { DetailChanges, Details } from './details.ts'
import type { NewAddress, RandomAddress } from './new-address.ts'
import type { Mailbox, Service } from './tables.ts'

export type NewMailbox = {
  /** Or in which domain it gets a random local part. */
  address: string | RandomAddress
  displayName: string | null
  firstName: string | null
  lastName: string | null
  /** Null: a strong one is generated. */
  password: string | null
  tags: readonly string[]
  service: Service
  /** What it is asked for as. Default: no product. */
  product?: Product
  details?: DetailChanges
  /** Default: monthly. */
  period?: Period
}

/** Who makes a mailbox usable: its engine, or whoever fulfils a request; until then it is `provisioning`. */
export type Fulfilment = 'engine' | 'request'

/** How mailboxes are made. */
export type Making = {
  batchId: string | null
  by: Fulfilment
  /** Whether those that the money does not reach for are made all the same, and wait for it; else they are refused. */
  waitsForPayment: boolean
  /** A domain of another workspace that may be used: the shared one (src/domains/shared-domain.ts). */
  sharedDomain: Domain | null
}

/** An item of a call that is right in itself, with what it becomes. */
export type Candidate = NewAddress & { index: number; item: NewMailbox; details: Details; domain: Domain }

/** What has become of an item. */
export type ProvisionResult =
  | { status: 'created' | 'pending'; mailbox: Mailbox }
  | {
      status: 'failed'
      code: ErrorCode
      detail: string
      fields?: readonly FieldProblem[]
      quota?: Quota | null
    }
