/**
 * What a service elsewhere (a Google Workspace or a Microsoft 365 tenant) must be able to do, so that its mailboxes are
 * kept as they are wanted here. A driver only translates: what is to be done next is decided in reconcile.ts.
 */
import type { EngineCapabilities } from '../engines.ts'
import type { Service } from '../tables.ts'

export type RemoteService = Exclude<Service, 'local'>

/** A user there as a reading found it. */
export type RemoteUser = {
  /** The service's own id, which stays when the address changes. */
  id: string
  address: string
  state: 'active' | 'suspended' | 'deleted'
  /** Whether the mailbox takes mail: a user is there before. */
  isReady: boolean
  aliases: readonly string[]
  firstName: string
  lastName: string
  /** The mark that `create` was given; null for a user that was not made by us. */
  mark: string | null
  /** The service's own words for why the user does not work; null when it does. */
  problem: string | null
}

/** next: null on the last page. */
export type RemoteUserPage = { users: readonly RemoteUser[]; next: string | null }

export type WantedUser = {
  address: string
  firstName: string
  lastName: string
  displayName: string
  password: string
  suspended: boolean
  /** Ours: tells a user that an earlier attempt made from somebody else's. */
  mark: string
}

export type RemoteUserChanges = Partial<
  Pick<WantedUser, 'address' | 'firstName' | 'lastName' | 'displayName' | 'suspended'>
>

/**
 * Every call has a deadline and throws RemoteFailure, and nothing else that is expected. Neither service promises that
 * what was written is read at once.
 */
export type RemoteDriver = {
  capabilities: EngineCapabilities
  /** Whether we are let in, and may do all that is needed. */
  check(): Promise<void>
  /** @returns null when nobody has the address, as user or as alias, or not yet. */
  findByAddress(address: string): Promise<RemoteUser | null>
  /** @returns null when there is no such user, also not among the deleted. */
  get(id: string): Promise<RemoteUser | null>
  /**
   * A page of all users that are not deleted, in no order that means anything.
   * @param cursor null for the first page, else `next` of the page before.
   */
  listUsers(cursor: string | null): Promise<RemoteUserPage>
  create(wanted: WantedUser): Promise<RemoteUser>
  /**
   * Does what a user that is there still lacks to get its mailbox, such as a licence: `create` or `restore` may have
   * ended before that. Only where they have more than one step.
   */
  complete?(id: string): Promise<void>
  update(id: string, changes: RemoteUserChanges): Promise<void>
  setPassword(id: string, password: string): Promise<void>
  addAlias(id: string, alias: string): Promise<void>
  removeAlias(id: string, alias: string): Promise<void>
  /** @param jpeg null: without one. */
  setPicture(id: string, jpeg: Buffer | null): Promise<void>
  delete(id: string): Promise<void>
  restore(id: string): Promise<void>
  /** Bytes used; null where the service has not said yet. Only where it says so of a user at all. */
  usageBytes?(id: string): Promise<number | null>
  /** What only a person can do there for this domain, in the imperative: "Turn on DKIM in the Admin console for x". */
  operatorSteps(domain: string): readonly string[]
}

export type RemoteFailureKind =
  /** Not let in: credentials, consent or scopes. */
  | 'unauthorized'
  /** The input is refused for good. */
  | 'rejected'
  /** The address is somebody's already. */
  | 'conflict'
  /** The user is there, and not ready for this yet. */
  | 'not_ready'
  | 'not_found'
  /** No licence is free. */
  | 'no_seats'
  /** The service cannot do this by its interface. */
  | 'unsupported'
  /** Too many calls, or the service is out of order: later. */
  | 'busy'
  | 'unreachable'

export class RemoteFailure extends Error {
  readonly kind: RemoteFailureKind
  /** When to try again at the earliest, in ms from now; null when the service did not say. */
  readonly retryAfterMs: number | null
  /** What the service's support asks for; null when it gave none. */
  readonly requestId: string | null

  /** @param message the remote's own words, without secrets. */
  constructor(
    kind: RemoteFailureKind,
    message: string,
    more: { retryAfterMs?: number | null; requestId?: string | null; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? {} : { cause: more.cause })
    this.name = 'RemoteFailure'
    this.kind = kind
    this.retryAfterMs = more.retryAfterMs ?? null
    this.requestId = more.requestId ?? null
  }
}
