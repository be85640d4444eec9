/** The platform's own zone as questions are answered from it: its few names, and the keys of the domain in question. */
import type { Platform } from '../../platform/platform.ts'
import { platformChallengeRecords } from '../certificates/dns-challenges.ts'
import { type CompiledZone, compileZone } from './compiled-zone.ts'
import { readOwnSerial } from './fingerprint.ts'
import type { FoundZone, Version } from './found-zone.ts'
import { dkimDomainOf, dkimNode, dkimSets, ownNameservers, ownZone } from './own-zone.ts'
import { createOwnZoneKeys } from './own-zone-keys.ts'
import type { RRset, Zone } from './records.ts'
import { soaNames } from './soa.ts'

export type OwnZone = {
  /** Something of it has changed: its serial is the highest of all zones', since their keys are in it. */
  raise(serial: number): void
  forgetKeys(domainId: string): void
  /** Reads the challenges of an authority (RFC 8555 §8.4), and the serial that they came with. */
  readChallenges(): Promise<void>
  /** The same, for who cannot wait. What cannot be read is logged: who asked for it gives up in time. */
  noteChallenges(): void
  /** Resolves when nothing is being read on its account. */
  settled(): Promise<void>
  /** What changed is not known. */
  forgetAll(): void
  content(): Zone | null
  /** @param name within the zone. A promise where keys must be read first: of null, when they cannot be. */
  find(dnsZone: string, name: string): FoundZone | null | Promise<FoundZone | null>
}

export function createOwnZone(platform: Platform): OwnZone {
  const { config } = platform
  const keys = createOwnZoneKeys(platform)
  let serial = 0
  let version: Version = { isCurrent: true }
  let withoutKeys: FoundZone | null = null
  let challenges: readonly RRset[] = []
  let reading: Promise<void> = Promise.resolve()

  const found = (sets: readonly RRset[], of: Version): FoundZone | null => {
    const zone = ownZone(config, serial)
    if (zone === null || config.dnsZone === null) return null
    const whole = { ...zone, rrsets: [...zone.rrsets, ...challenges, ...sets] }
    const made: CompiledZone = compileZone(whole, soaNames(config, ownNameservers(config)), [
      dkimNode(config.dnsZone),
    ])
    return { zone: made, version: of, signer: null }
  }
  const renew = (): void => {
    version.isCurrent = false
    version = { isCurrent: true }
    withoutKeys = null // made when it is asked for: a change of any domain comes by here
  }
  const readChallenges = async (): Promise<void> => {
    challenges = await platformChallengeRecords(platform.db)
    serial = Math.max(serial, await readOwnSerial(platform.db))
    renew()
  }
  return {
    readChallenges,
    noteChallenges() {
      reading = reading.then(readChallenges).catch((cause: unknown) => {
        platform.log.error({ event: 'zones.challenges_unread', cause })
      })
    },
    settled: () => reading,
    raise(to) {
      serial = Math.max(serial, to)
      renew()
    },
    forgetKeys: (domainId) => keys.forget(domainId),
    forgetAll() {
      keys.forgetAll()
      renew()
      this.noteChallenges()
    },
    content() {
      const zone = ownZone(config, serial)
      return zone && { ...zone, rrsets: [...zone.rrsets, ...challenges] }
    },
    find(dnsZone, name) {
      const domainId = dkimDomainOf(dnsZone, name)
      if (domainId === null) {
        withoutKeys ??= found([], version)
        return withoutKeys
      }
      // Of now: what is heard of while keys are read makes what is then answered old.
      const asked = version
      const known = keys.of(domainId)
      const withKeys = (of: Awaited<typeof known>): FoundZone | null =>
        of === null ? null : found(dkimSets(config, domainId, of), asked)
      return known instanceof Promise ? known.then(withKeys) : withKeys(known)
    },
  }
}
