/** For tests of what may be sent: policies, and messages that go through the commit lane into the queue. */
import type { CommitLane, DeliveryResult } from '../delivery/commit-lane.ts'
import type { OutboundMessage } from '../delivery/outbound/queue.ts'
import { type DeliveryPolicySettings, type PolicyLevel, putDeliverySettings } from '../delivery/policies.ts'
import type { MailboxOwner } from '../messages/owner.ts'
import type { Platform } from '../platform/platform.ts'
import { inTransaction, mail, stage } from './test-mail.ts'
import { outboundMessage } from './test-outbound.ts'

export async function setDeliveryPolicy(
  platform: Platform,
  { organizationId, workspaceId }: { organizationId: string; workspaceId: string },
  scope: PolicyLevel['scope'],
  scopeId: string,
  settings: DeliveryPolicySettings,
): Promise<void> {
  const level = { organizationId, workspaceId, scope, scopeId }
  await inTransaction(platform, (tx) => putDeliverySettings(platform, tx, level, settings))
}

/** Queues a message for these recipients, as the listeners do. */
export async function submit(
  platform: Platform,
  lane: CommitLane,
  owner: MailboxOwner,
  recipients: readonly string[],
  more: Partial<OutboundMessage> = {},
): Promise<DeliveryResult> {
  const body = await stage(platform, mail())
  return await lane.deliver({
    body,
    internalDate: platform.clock.now(),
    placements: [],
    outbound: [outboundMessage(owner, recipients, { bodyBytes: body.sizeBytes, ...more })],
    jobs: [],
    holders: [],
  })
}

/** `count` addresses that nobody else has. */
export function addresses(count: number, domain = 'elsewhere.example'): string[] {
  return Array.from({ length: count }, (_, at) => `to${at}-${Math.random().toString(36).slice(2)}@${domain}`)
}
