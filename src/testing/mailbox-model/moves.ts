/** What calls and time do to the model of mailboxes. */
import {
  aliasesOf,
  domainOf,
  holdsAddress,
  identityOf,
  itemStatuses,
  living,
  type ModelDomain,
  type ModelMailbox,
  type Period,
  type State,
  type World,
} from './model.ts'

const dayMs = 24 * 3600 * 1000

function daysLater(from: Date, days: number): Date {
  return new Date(from.getTime() + days * dayMs)
}

/** So many months behind `from`, on the anchor's day and time of day; a month that is too short ends on its last day. */
function monthsLater(anchor: Date, from: Date, months: number): Date {
  const first = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months, 1))
  const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0))
  const day = Math.min(anchor.getUTCDate(), last.getUTCDate())
  return new Date(first.getTime() + (day - 1) * dayMs + (anchor.getTime() % dayMs))
}

const monthsOf = { monthly: 1, yearly: 12 } as const satisfies Record<Period, number>

export function touch(world: World, mailbox: ModelMailbox): void {
  mailbox.version += 1
  mailbox.updatedAt = world.now
}

/** To another state; the first time that it is active begins its first period. */
export function move(world: World, mailbox: ModelMailbox, to: State): void {
  touch(world, mailbox)
  mailbox.state = to
  mailbox.stateChangedAt = world.now
  if (to === 'active' && mailbox.periodEndsAt === null) beginPeriod(world, mailbox)
}

function beginPeriod(world: World, mailbox: ModelMailbox): void {
  mailbox.anchor = world.now
  mailbox.periodEndsAt = monthsLater(world.now, world.now, monthsOf[mailbox.period])
}

export type Made = {
  id: string
  address: string
  password: string | null
  period: Period
  displayName?: string | null
  batchId?: string | null
  /** Whether a person makes it later. */
  isRequested?: boolean
}

/** A new mailbox. Its domain takes mailboxes. */
export function make(world: World, { id, address, password, period, ...more }: Made): ModelMailbox {
  const isServed = domainOf(world, address)?.state === 'active'
  const made = more.isRequested ? 'provisioning' : isServed ? 'active' : 'waiting_domain'
  const mailbox: ModelMailbox = {
    id,
    address,
    state: made,
    stateBeforeDeletion: null,
    purgeAt: null,
    displayName: more.displayName ?? null,
    batchId: more.batchId ?? null,
    version: 1,
    createdAt: world.now,
    updatedAt: world.now,
    stateChangedAt: world.now,
    period,
    nextPeriod: null,
    anchor: null,
    periodEndsAt: null,
    isCanceled: false,
    password,
    appPasswords: [],
    totp: null,
  }
  if (made === 'active') beginPeriod(world, mailbox)
  world.mailboxes.set(id, mailbox)
  hold(world, mailbox)
  return mailbox
}

/** Takes its own address. */
export function hold(world: World, { id, address }: ModelMailbox): void {
  world.addresses.set(address, {
    mailboxId: id,
    kind: 'mailbox',
    enabled: true,
    description: null,
    renamedTo: null,
    expiresAt: null,
    createdAt: world.now,
  })
}

export function letAddressesGo(world: World, mailbox: ModelMailbox): void {
  for (const [address] of aliasesOf(world, mailbox)) world.addresses.delete(address)
  if (holdsAddress(world, mailbox)) world.addresses.delete(mailbox.address)
}

/** `days`: how long the old address stays its alias; null is for ever. */
export function rename(world: World, mailbox: ModelMailbox, to: string, days: number | null): void {
  const from = mailbox.address
  world.addresses.delete(from)
  mailbox.address = to
  hold(world, mailbox)
  touch(world, mailbox)
  if (days !== 0) {
    world.addresses.set(from, {
      mailboxId: mailbox.id,
      kind: 'alias',
      enabled: true,
      description: null,
      renamedTo: to,
      expiresAt: days === null ? null : daysLater(world.now, days),
      createdAt: world.now,
    })
  }
  if (mailbox.state === 'waiting_domain' && domainOf(world, to)?.state === 'active')
    move(world, mailbox, 'active')
}

export function remove(world: World, mailbox: ModelMailbox): void {
  mailbox.stateBeforeDeletion = mailbox.state
  mailbox.purgeAt = daysLater(world.now, world.settings.restoreDays)
  move(world, mailbox, 'deletion_scheduled')
}

/** In the state that it had. Where its period is over, a new one begins, and a cancellation is forgotten. */
export function restore(world: World, mailbox: ModelMailbox): void {
  if (mailbox.stateBeforeDeletion === null) throw new Error(`${mailbox.address} is not deleted`)
  if (mailbox.periodEndsAt !== null && mailbox.periodEndsAt <= world.now) {
    mailbox.period = mailbox.nextPeriod ?? mailbox.period
    mailbox.nextPeriod = null
    mailbox.isCanceled = false
    beginPeriod(world, mailbox)
  }
  const before = mailbox.stateBeforeDeletion
  mailbox.stateBeforeDeletion = null
  mailbox.purgeAt = null
  move(world, mailbox, before)
}

/** For good: addresses and handle are free, a request for it that is open has failed, and what was noted is forgotten. */
export function purge(world: World, mailbox: ModelMailbox): void {
  letAddressesGo(world, mailbox)
  const identity = identityOf(world, mailbox)
  if (identity) world.identities.delete(identity.handle)
  for (const request of world.requests.values()) {
    if (request.mailboxId !== mailbox.id) continue
    request.note = null
    if (request.state !== 'completed') request.state = 'failed'
  }
  mailbox.state = 'deleted'
  mailbox.appPasswords = []
  mailbox.totp = null
}

/** Those that wait for it can be used, and those that were deleted while they waited, too. */
export function activateDomain(world: World, domain: ModelDomain): void {
  domain.state = 'active'
  for (const mailbox of living(world)) {
    if (domainOf(world, mailbox.address) !== domain) continue
    if (mailbox.stateBeforeDeletion === 'waiting_domain') mailbox.stateBeforeDeletion = 'active'
    if (mailbox.state === 'waiting_domain') move(world, mailbox, 'active')
  }
}

/** What is due by now, after the clock was moved: what was deleted goes, periods end, old addresses go. */
export function passTime(world: World, now: Date): void {
  world.now = now
  for (const mailbox of living(world)) {
    if (mailbox.purgeAt !== null && mailbox.purgeAt <= now) purge(world, mailbox)
    else if (mailbox.state !== 'deletion_scheduled') endPeriods(world, mailbox)
  }
  for (const [address, { expiresAt }] of world.addresses)
    if (expiresAt !== null && expiresAt <= now) world.addresses.delete(address)
}

function endPeriods(world: World, mailbox: ModelMailbox): void {
  const { anchor, periodEndsAt } = mailbox
  if (anchor === null || periodEndsAt === null || periodEndsAt > world.now) return
  if (mailbox.isCanceled) {
    remove(world, mailbox)
    return
  }
  mailbox.period = mailbox.nextPeriod ?? mailbox.period
  mailbox.nextPeriod = null
  let end = periodEndsAt
  for (let count = 1; end <= world.now; count++)
    end = monthsLater(anchor, periodEndsAt, count * monthsOf[mailbox.period])
  mailbox.periodEndsAt = end
  touch(world, mailbox)
}

/** Batches of which nothing is pending any more are complete from now on. */
export function completeBatches(world: World): void {
  for (const batch of world.batches.values())
    if (batch.completedAt === null && !itemStatuses(world, batch).includes('pending'))
      batch.completedAt = world.now
}
