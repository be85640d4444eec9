/** All stand-ins, with the driver of each opened on it: for tests and benches that go through all of them. */
import { anyAddress } from '../../platform/outside-http.ts'
import type { CallLimits, MailboxAccount, SequencerDriver } from '../../sequencers/driver.ts'
import { paceCalls } from '../../sequencers/drivers/paced-calls.ts'
import { openers } from '../../sequencers/drivers.ts'
import type { PlatformName, SequencerSettings } from '../../sequencers/platforms.ts'
import { startEmailBisonStandIn } from './emailbison.ts'
import { startInstantlyStandIn } from './instantly.ts'
import { startLemlistStandIn } from './lemlist.ts'
import { startPlusVibeStandIn } from './plusvibe.ts'
import { startReplyStandIn } from './reply.ts'
import { startSaleshandyStandIn } from './saleshandy.ts'
import { startSmartleadStandIn } from './smartlead.ts'
import type { StandIn, StandInOptions } from './stand-in.ts'
import { startWoodpeckerStandIn } from './woodpecker.ts'

export const standIns = {
  instantly: startInstantlyStandIn,
  smartlead: startSmartleadStandIn,
  emailbison: startEmailBisonStandIn,
  plusvibe: startPlusVibeStandIn,
  woodpecker: startWoodpeckerStandIn,
  saleshandy: startSaleshandyStandIn,
  lemlist: startLemlistStandIn,
  reply: startReplyStandIn,
} as const satisfies Partial<Record<PlatformName, (options?: StandInOptions) => Promise<StandIn>>>
export type StandInName = keyof typeof standIns
export const standInNames = Object.keys(standIns).filter((name): name is StandInName => name in standIns)

/** A stand-in that does not look at the pause between calls that add, which its platform's limits have. */
export async function startQuick(name: StandInName): Promise<StandIn> {
  const standIn = await standIns[name]()
  if ('settings' in standIn && 'msBetweenCreates' in Object(standIn.settings)) {
    Reflect.set(Object(standIn.settings), 'msBetweenCreates', 0)
  }
  return standIn
}

const noLimits: CallLimits = { perMinute: 1_000_000, spacingMs: 0, addSpacingMs: 0 }

/** A driver on a stand-in, as fast as it goes. @param key null: the stand-in's. */
export function openOn(
  platform: PlatformName,
  standIn: StandIn & { workspaceId?: string },
  {
    key = standIn.key,
    settings = {},
    limits = noLimits,
  }: {
    key?: string
    settings?: SequencerSettings
    limits?: CallLimits
  } = {},
): SequencerDriver {
  const open = openers[platform]
  if (open === undefined) throw new Error(`${platform} has no driver`)
  const { call } = paceCalls({ baseUrl: standIn.url, limits, mayAsk: anyAddress, nextCallAt: null })
  const workspace = standIn.workspaceId === undefined ? {} : { workspace_id: standIn.workspaceId }
  return open({ call, key, settings: { ...workspace, ...settings } })
}

/** A mailbox as it is told to a sequencer; its password holds what must be escaped somewhere. */
export function testMailbox(address: string, more: Partial<MailboxAccount> = {}): MailboxAccount {
  return {
    address,
    displayName: 'Ada Byron',
    firstName: 'Ada',
    lastName: 'Byron',
    password: 's3cret"&<+/%ü',
    smtp: { host: 'mail.ours.example', port: 465, security: 'tls' },
    imap: { host: 'mail.ours.example', port: 993, security: 'tls' },
    dailyLimit: null,
    warmup: null,
    ...more,
  }
}
