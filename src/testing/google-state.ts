/** What the stand-in for Google keeps, and how it answers. */

export type GoogleUser = {
  id: string
  primaryEmail: string
  name: { givenName: string; familyName: string }
  password: string
  suspended: boolean
  suspensionReason: string
  aliases: string[]
  externalIds: unknown[]
  orgUnitPath: string
  photo: Buffer | null
  createdMs: number
  deletedMs: number | null
}

/** How long after its creation a user is as it was asked for, in ms. */
type Delays = {
  /** It is found. */
  visible: number
  /** It may be changed: before that, 412. */
  complete: number
  /** Its mailbox is set up. */
  ready: number
}

export type GoogleFault = {
  /** Of which requests the next one: `POST /users`, the end of a path without its query. */
  on: RegExp
  status: number
  reason?: string
  message?: string
  headers?: Record<string, string>
  /** lost: it is done, and the answer never arrives. */
  lost?: boolean
}

export type GoogleState = {
  adminEmail: string
  clientEmail: string
  customerId: string
  /** What the service account was allowed. */
  scopes: Set<string>
  users: Map<string, GoogleUser>
  /** Whether each is verified. */
  domains: Map<string, boolean>
  seats: number
  delays: Delays
  /** Users of a page, where fewer were not asked for. */
  pageSizeMax: number
  usageMb: Map<string, number>
  requests: string[]
  complaints: string[]
  faults: GoogleFault[]
  /** Told of each request before it is answered. */
  before: ((line: string) => Promise<void>) | null
  now(): number
}

export type DirectoryReply = { status: number; body?: unknown; headers?: Record<string, string> }

export function refuse(status: number, reason: string, message: string): DirectoryReply {
  return {
    status,
    body: { error: { code: status, message, errors: [{ domain: 'global', reason, message }] } },
  }
}
