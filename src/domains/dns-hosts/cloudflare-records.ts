/** Cloudflare's records: some types have their fields in `data`, MX has its preference beside its content. */

import { member, numberOf, textOf } from '../../platform/json-members.ts'
import type { RecordType } from '../zones/records.ts'
import { fromAbsolute, fromZoneFile, isRecordType, toZoneFile } from './presentation.ts'

export type HostRecord = {
  id: string
  name: string
  type: RecordType
  /** In seconds. */
  ttl: number
  /** In the form of zones/records.ts. */
  value: string
}

const automaticTtlSeconds = 300 // what `1` means

/** @returns null for a type that we know nothing of. */
export function recordOf(record: unknown): HostRecord | null {
  const type = textOf(record, 'type')
  const id = textOf(record, 'id')
  if (!isRecordType(type) || id === '') return null
  const ttl = numberOf(record, 'ttl', 1)
  return {
    id,
    name: fromAbsolute(textOf(record, 'name')),
    type,
    ttl: ttl === 1 ? automaticTtlSeconds : ttl,
    value: fromZoneFile(type, contentOf(type, record)),
  }
}

function contentOf(type: RecordType, record: unknown): string {
  const content = textOf(record, 'content')
  const data = member(record, 'data')
  const number = (name: string): number => numberOf(data, name, 0)
  if (type === 'MX') return `${numberOf(record, 'priority', 0)} ${content}`
  if (data === undefined || data === null) return content
  if (type === 'SRV') {
    return `${number('priority')} ${number('weight')} ${number('port')} ${textOf(data, 'target')}`
  }
  if (type === 'CAA') return `${number('flags')} ${textOf(data, 'tag')} "${textOf(data, 'value')}"`
  if (type === 'TLSA') {
    const numbers = `${number('usage')} ${number('selector')} ${number('matching_type')}`
    return `${numbers} ${textOf(data, 'certificate')}`
  }
  return content
}

/** The fields of a new record beside its name, type and TTL. */
export function fieldsOf(type: RecordType, value: string): Record<string, unknown> {
  const parts = value.split(' ')
  const [first = '', second = '', third = '', fourth = ''] = parts
  switch (type) {
    case 'MX':
      return { priority: Number(first), content: second }
    case 'SRV':
      return {
        data: { priority: Number(first), weight: Number(second), port: Number(third), target: fourth },
      }
    case 'CAA': {
      const quoted = parts.slice(2).join(' ')
      return { data: { flags: Number(first), tag: second, value: quoted.replace(/^"|"$/g, '') } }
    }
    case 'TLSA':
      return {
        data: {
          usage: Number(first),
          selector: Number(second),
          matching_type: Number(third),
          certificate: fourth,
        },
      }
    case 'TXT':
      return { content: toZoneFile('TXT', value) }
    case 'A':
    case 'AAAA':
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return { content: value }
  }
}
