/**
 * A model of mailboxes: the rules of docs/mailboxes.md, addresses.md, credentials.md and batches.md in their simplest
 * form, over plain data and one mailbox at a time. It calls no code of the product, so that a defect there is none here.
 */

export type State =
  | 'waiting_domain'
  | 'provisioning'
  | 'active'
  | 'suspended'
  | 'failed'
  | 'deletion_scheduled'
  | 'deleted'

export type Period = 'monthly' | 'yearly'

export type ModelAppPassword = {
  id: string
  name: string
  password: string
  scopes: readonly string[] | null
  expiresAt: Date | null
}

export type ModelMailbox = {
  id: string
  address: string
  state: State
  stateBeforeDeletion: State | null
  purgeAt: Date | null
  displayName: string | null
  batchId: string | null
  version: number
  createdAt: Date
  updatedAt: Date
  stateChangedAt: Date
  period: Period
  nextPeriod: Period | null
  /** When its first period began. */
  anchor: Date | null
  periodEndsAt: Date | null
  isCanceled: boolean
  /** Null: it was generated, and nobody has looked yet. */
  password: string | null
  appPasswords: ModelAppPassword[]
  totp: { secret: string; enabledAt: Date | null; failures: number } | null
}

export type ModelAddress = {
  mailboxId: string
  kind: 'mailbox' | 'alias'
  enabled: boolean
  description: string | null
  /** Where a rename left it: to what. Then the description says so. */
  renamedTo: string | null
  expiresAt: Date | null
  createdAt: Date
}

export type ModelLimit = { id: string; max: number }

export type ModelDomain = {
  id: string
  name: string
  state: 'active' | 'suspended' | 'pending_records'
  limit: ModelLimit | null
}

/** An item that made no mailbox has the code of why. */
export type ModelBatch = {
  id: string
  items: readonly { mailboxId: string | null; code: string | null }[]
  /** That of all that were made; null: they were in several. */
  domainId: string | null
  completedAt: Date | null
  createdAt: Date
}

export type RequestState = 'pending' | 'in_progress' | 'completed' | 'failed'

export type ModelRequest = {
  id: string
  mailboxId: string
  batchId: string
  state: RequestState
  note: string | null
}

export type ModelIdentity = { id: string; handle: string; mailboxId: string }

export type World = {
  now: Date
  workspaceId: string
  domains: Map<string, ModelDomain>
  workspaceLimit: ModelLimit | null
  addresses: Map<string, ModelAddress>
  /** All that ever were, by id. */
  mailboxes: Map<string, ModelMailbox>
  batches: Map<string, ModelBatch>
  requests: Map<string, ModelRequest>
  /** By handle. */
  identities: Map<string, ModelIdentity>
  settings: { restoreDays: number; renameAliasDays: number | null }
}

export function newWorld(now: Date, workspaceId: string, domains: readonly ModelDomain[]): World {
  return {
    now,
    workspaceId,
    domains: new Map(domains.map((domain) => [domain.name, domain])),
    workspaceLimit: null,
    addresses: new Map(),
    mailboxes: new Map(),
    batches: new Map(),
    requests: new Map(),
    identities: new Map(),
    settings: { restoreDays: 30, renameAliasDays: 90 },
  }
}

export function domainOf(world: World, address: string): ModelDomain | undefined {
  return world.domains.get(address.slice(address.lastIndexOf('@') + 1))
}

export function mailboxOf(world: World, id: string): ModelMailbox {
  const mailbox = world.mailboxes.get(id)
  if (!mailbox) throw new Error(`the model has no mailbox ${id}`)
  return mailbox
}

/** The domain of mailboxes that are in one. */
export function onlyDomain(world: World, ids: readonly (string | null)[]): string | null {
  const domains = ids.flatMap((id) =>
    id === null ? [] : [domainOf(world, mailboxOf(world, id).address)?.id],
  )
  const [first = null, ...others] = new Set(domains)
  return others.length === 0 ? first : null
}

export function living(world: World): ModelMailbox[] {
  return [...world.mailboxes.values()].filter(({ state }) => state !== 'deleted')
}

/** A failed request has let its address go. */
export function holdsAddress(world: World, mailbox: ModelMailbox): boolean {
  const held = world.addresses.get(mailbox.address)
  return held?.mailboxId === mailbox.id && held.kind === 'mailbox'
}

export function aliasesOf(world: World, mailbox: ModelMailbox): [address: string, alias: ModelAddress][] {
  return [...world.addresses].filter(
    ([, { kind, mailboxId }]) => kind === 'alias' && mailboxId === mailbox.id,
  )
}

export function identityOf(world: World, mailbox: ModelMailbox): ModelIdentity | undefined {
  return [...world.identities.values()].find(({ mailboxId }) => mailboxId === mailbox.id)
}

/** How many more mailboxes a domain takes by its own limit. A mailbox counts as long as it holds its address. */
export function placesInDomain(world: World, { name, limit }: ModelDomain): number {
  if (limit === null) return Number.POSITIVE_INFINITY
  const held = living(world).filter(
    (mailbox) => holdsAddress(world, mailbox) && mailbox.address.endsWith(`@${name}`),
  )
  return Math.max(0, limit.max - held.length)
}

/** The same by all limits that apply: the smallest counts. */
export function places(world: World, domain: ModelDomain): number {
  const { workspaceLimit: limit } = world
  const held = living(world).filter((mailbox) => holdsAddress(world, mailbox)).length
  const inWorkspace = limit === null ? Number.POSITIVE_INFINITY : Math.max(0, limit.max - held)
  return Math.min(inWorkspace, placesInDomain(world, domain))
}

/** What RCPT TO is answered with. */
export function rcptAnswer(
  world: World,
  address: string,
): '250 2.1.5' | '450 4.2.1' | '550 5.2.1' | '550 5.1.1' {
  const found = world.addresses.get(address) ?? world.addresses.get(address.replace(/\+[^@]*@/, '@'))
  if (!found) return '550 5.1.1'
  const { state } = mailboxOf(world, found.mailboxId)
  const isServed = domainOf(world, address)?.state === 'active'
  if (!found.enabled || (state === 'deletion_scheduled' && isServed)) return '550 5.2.1'
  return state === 'active' && isServed ? '250 2.1.5' : '450 4.2.1'
}

/** Whether its passwords count at all. */
function mayBeLoggedInTo(world: World, { state, address }: ModelMailbox): boolean {
  return state === 'active' && domainOf(world, address)?.state !== 'suspended'
}

/** Whether the primary password logs in to IMAP. */
export function primaryLogsIn(world: World, mailbox: ModelMailbox): boolean {
  return mayBeLoggedInTo(world, mailbox) && !hasSecondFactor(mailbox)
}

export function hasSecondFactor({ totp }: ModelMailbox): boolean {
  return totp !== null && totp.enabledAt !== null
}

/** Whether an app password does. */
export function appPasswordLogsIn(
  world: World,
  mailbox: ModelMailbox,
  { scopes, expiresAt }: ModelAppPassword,
): boolean {
  return (
    mayBeLoggedInTo(world, mailbox) &&
    (scopes === null || scopes.includes('imap')) &&
    (expiresAt === null || expiresAt > world.now)
  )
}

const statusOfState = {
  waiting_domain: 'pending',
  provisioning: 'pending',
  active: 'created',
  suspended: 'created',
  failed: 'failed',
  deletion_scheduled: 'deleted',
  deleted: 'deleted',
} as const satisfies Record<State, string>

/** What each item of a batch is now. */
export function itemStatuses(world: World, { items }: ModelBatch) {
  return items.map(({ mailboxId }) =>
    mailboxId === null ? 'failed' : statusOfState[mailboxOf(world, mailboxId).state],
  )
}

export function isPending(state: State): boolean {
  return statusOfState[state] === 'pending'
}
