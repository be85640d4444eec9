/** What a registrar can be asked, the same for all of them. */
import type { Money } from '../../platform/money.ts'

export const registrarNames = ['sandbox', 'porkbun', 'namecom'] as const
export type RegistrarName = (typeof registrarNames)[number]

/** unsupported: this registrar does not sell the name, or not for so many years. unknown: it could not be asked. */
export type Availability = 'available' | 'taken' | 'unsupported' | 'unknown'

export type CheckResult = {
  name: string
  availability: Availability
  premium: boolean
  /** What it costs for the years that were asked for; null unless it is available. */
  cost: Money | null
  /** What a year's renewal costs; null when the registrar does not say. */
  renewalCost: Money | null
  /** The remote's own reason; null when there is nothing to say. */
  reason: string | null
}

/** Who a name is registered for: the phone as in +49.301234567, the country by ISO 3166-1 alpha-2. */
export type ContactData = {
  first_name: string
  last_name: string
  organization: string | null
  email: string
  phone: string
  address1: string
  address2: string | null
  city: string
  state: string | null
  zip: string
  country: string
}

export type RegisterOrder = {
  name: string
  years: number
  contact: ContactData | null
  /** What the registrar is to charge: it must refuse anything else, as far as it can. */
  expectedCost: Money
  premium: boolean
  idempotencyKey: string
}

export type RenewOrder = Pick<
  RegisterOrder,
  'name' | 'years' | 'expectedCost' | 'premium' | 'idempotencyKey'
> & {
  currentExpiry: Date
}

/** `expiresAt` is null when the answer does not say. */
export type Bought = { state: 'done' | 'pending'; expiresAt: Date | null; reference: string | null }

export type DomainInfo = {
  /** pending: the registry has not finished. */
  state: 'active' | 'pending'
  expiresAt: Date | null
  nameservers: readonly string[] | null
  /** Whether a transfer away is locked; null when the registrar does not say. */
  locked: boolean | null
}

/** Every call has a deadline and throws RegistrarFailure, and nothing else that is expected. */
export type Registrar = {
  name: RegistrarName
  /** How many names a search asks it about in one check. */
  namesPerCheck: number
  check(names: readonly string[], years: number, signal: AbortSignal): Promise<CheckResult[]>
  /** What `years` more of a name that is ours cost; null when it cannot be renewed for so long. */
  renewalCost(name: string, years: number): Promise<{ cost: Money; premium: boolean } | null>
  register(order: RegisterOrder): Promise<Bought>
  renew(order: RenewOrder): Promise<Bought>
  /** null: the name is not in our account. */
  get(name: string): Promise<DomainInfo | null>
  setNameservers(name: string, nameservers: readonly string[]): Promise<void>
}

/**
 * refused: nothing was done, and the same again would be refused again. busy: nothing was done, later it may be.
 * uncertain: it may have been done, so that it must be read back before it is sent again.
 */
export type FailureKind = 'refused' | 'busy' | 'uncertain'

/** Why a registrar refuses, in words that every driver's reasons come down to. */
export type RefusedReason = 'price_changed' | 'domain_unavailable' | 'registrar_refused'

const remoteLengthMax = 300

export class RegistrarFailure extends Error {
  readonly kind: FailureKind
  readonly reason: RefusedReason
  /** The remote's own words, cut; never what was sent to it. */
  readonly remote: string

  constructor(kind: FailureKind, remote: string, more: { reason?: RefusedReason; cause?: unknown } = {}) {
    const words = printable(remote)
    super(words, { cause: more.cause })
    this.name = 'RegistrarFailure'
    this.kind = kind
    this.reason = more.reason ?? 'registrar_refused'
    this.remote = words
  }
}

function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, remoteLengthMax)
}
