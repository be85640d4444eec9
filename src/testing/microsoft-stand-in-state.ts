/** The tenant that the stand-in for Microsoft 365 keeps. */
import { randomUUID } from 'node:crypto'
import type { LoginState } from './microsoft-stand-in-login.ts'
import type { StandInUser } from './microsoft-stand-in-users.ts'

export type StandInSku = { skuId: string; skuPartNumber: string; seats: number }

/** What a test may look at and change at any time. */
export type MicrosoftState = LoginState & {
  verifiedDomains: string[]
  skus: StandInSku[]
  /** The application's permissions that an administrator has consented to. */
  permissions: Set<string>
  users: Map<string, StandInUser>
  deleted: Map<string, StandInUser & { deletedAtMs: number; name: string }>
  /** After it was made, a user is missing in every other read for so long. */
  lagMs: number
  /** From a licence to its mailbox. */
  provisioningMs: number
  /** Whether restoring brings the licences back. */
  restoresLicences: boolean
  usersPerPage: number
  /** `METHOD path` of every request. */
  requests: string[]
  requestIds: string[]
  complaints: string[]
  graphUrl: string
}

export function newState(nowMs: () => number): MicrosoftState {
  return {
    tenantId: randomUUID(),
    clientId: randomUUID(),
    secrets: [`Kx8Q~${randomUUID()}`],
    endedSecrets: [],
    certificates: [],
    tokens: new Map(),
    tokenSeconds: 3599,
    nowMs,
    verifiedDomains: ['tenant.onmicrosoft.com', 'demo.example'],
    skus: [
      { skuId: randomUUID(), skuPartNumber: 'FLOW_FREE', seats: 10_000 },
      { skuId: randomUUID(), skuPartNumber: 'EXCHANGESTANDARD', seats: 25 },
    ],
    permissions: new Set([
      'User.ReadWrite.All',
      'User-PasswordProfile.ReadWrite.All',
      'Organization.Read.All',
      'MailboxSettings.Read',
    ]),
    users: new Map(),
    deleted: new Map(),
    lagMs: 0,
    provisioningMs: 0,
    restoresLicences: false,
    usersPerPage: 100,
    requests: [],
    requestIds: [],
    complaints: [],
    graphUrl: '',
  }
}
