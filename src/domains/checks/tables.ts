/** What was seen of a domain in DNS, and when it is looked at again. */
import type { ColumnType, Generated } from 'kysely'
import type { DsRecord, SeenNameserver } from '../../platform/dns-authority/zones.ts'
import type { RecordLevel, RecordPurpose } from '../plan/record.ts'
import type { RecordType } from '../zones/records.ts'

/** unanswered: there was no answer, which says nothing about the record. unchecked: it was not asked for yet. */
export const recordStatuses = ['valid', 'missing', 'wrong', 'unanswered', 'unchecked'] as const

export type RecordStatus = (typeof recordStatuses)[number]

/** The name servers of the zone themselves, or a resolver where nothing gets through to them. */
export type Asked = 'authority' | 'resolver'

/** A record of the plan as it was when it was last asked for. */
export type SeenRecord = {
  purpose: RecordPurpose
  type: RecordType
  name: string
  /** What the plan had. */
  value: string
  level: RecordLevel
  status: RecordStatus
  /** The values at that name that have to do with it. */
  seen: readonly string[]
  /** What should be there, where that depends on what is there: an SPF record that is kept and gets our mechanism. */
  suggestion: string | null
  /** The name server that said so; null: the resolver, or nobody. */
  answeredBy: string | null
  /** ISO 8601; null: not yet. */
  checkedAt: string | null
}

/**
 * ours: exactly our name servers. half_changed: some of ours are missing, or others beside them. elsewhere: none of
 * ours. none: the name is no zone of its own, or does not exist.
 */
export const delegationStates = ['ours', 'half_changed', 'elsewhere', 'none', 'unanswered'] as const

export type DelegationState = (typeof delegationStates)[number]

export type SeenDelegation = {
  state: DelegationState
  /** The zone whose servers were asked; null when a resolver was. */
  parent: string | null
  /** unasked: only the parent was asked this time, or a resolver. */
  nameservers: readonly (Omit<SeenNameserver, 'state'> & { state: SeenNameserver['state'] | 'unasked' })[]
  ds: readonly DsRecord[]
  /** Whether one of them is this platform's, be it another workspace's. */
  namesPlatform: boolean
}

export type DomainChecksTable = {
  domain_id: string
  checked_at: Date | null
  /** null: it is not looked at until someone asks. */
  due_at: Date | null
  asked: Asked | null
  delegation: ColumnType<SeenDelegation | null, string | null, string | null>
  records: ColumnType<SeenRecord[], string, string>
  /** What is wrong with the delegation, in a sentence. */
  problem: string | null
  /** Since when mail is known not to come here. */
  broken_since: Date | null
  /** Since when the delegation names exactly our name servers. */
  delegated_since: Date | null
  created_at: Generated<Date>
}

declare module '../../platform/database.ts' {
  interface Tables {
    domain_checks: DomainChecksTable
  }
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    /** Records that were right and are not any more. */
    'domain.records_drifted': {
      domain_id: string
      name: string
      records: Pick<SeenRecord, 'purpose' | 'type' | 'name' | 'value' | 'status' | 'seen'>[]
    }
  }
}
