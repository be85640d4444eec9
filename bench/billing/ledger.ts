/**
 * Transfers of one wallet that everybody buys from, in a second: its row is locked from the first statement of a
 * purchase until its commit is on disk. By purchases that are transactions of their own, and by sets.
 */
import type { Scope } from '../../src/accounts/principals.ts'
import { payBill } from '../../src/billing/bills.ts'
import { postTransfers } from '../../src/billing/ledger.ts'
import { lockPayer } from '../../src/billing/payers.ts'
import { transaction } from '../../src/platform/database.ts'
import { newId } from '../../src/platform/ids.ts'
import type { Platform } from '../../src/platform/platform.ts'
import { assertBooks, giveMoney } from '../../src/testing/test-billing.ts'
import type { Row } from '../table.ts'
import { withBillingPlatform } from './platform.ts'

const callers = 16
const seconds = 5
const transfersPerSet = 500
const unitAmount = 3
const transfersGoal = { atLeast: 2000 }

export async function ledger(): Promise<Row[]> {
  return await withBillingPlatform(async (platform, scope) => {
    await giveMoney(platform, scope, 1_000_000_000)
    const buy = () => buyOne(platform, scope)
    const rates = {
      alone: await perSecond(1, 1, buy),
      together: await perSecond(callers, 1, buy),
      sets: await perSecond(1, transfersPerSet, () => postSet(platform, scope)),
    }
    await assertBooks(platform)
    return [
      { what: 'purchases of one caller, one wallet', value: rates.alone, unit: '/s' },
      {
        what: `purchases of ${callers} callers, one wallet`,
        value: rates.together,
        unit: '/s',
        goal: transfersGoal,
      },
      {
        what: `transfers in sets of ${transfersPerSet}, one wallet`,
        value: rates.sets,
        unit: '/s',
        goal: transfersGoal,
      },
    ]
  })
}

async function perSecond(workers: number, each: number, work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1000
  let done = 0
  const worker = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      await work()
      done += each
    }
  }
  await Promise.all(Array.from({ length: workers }, worker))
  return (done / (performance.now() - startedAt)) * 1000
}

async function buyOne(platform: Platform, scope: Scope): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const payer = await lockPayer(platform, tx, scope, ['mailbox'])
    await payBill(platform, tx, {
      payer,
      cause: 'mailbox',
      causeId: null,
      description: 'A mailbox',
      lines: [
        {
          kind: 'once',
          item: 'mailbox',
          subjectId: newId(),
          description: 'A mailbox',
          quantity: 1,
          unitAmount,
        },
      ],
    })
  })
}

async function postSet(platform: Platform, scope: Scope): Promise<void> {
  const { organizationId, workspaceId } = scope
  await transaction(platform.db, async (tx) => {
    const { wallet } = await lockPayer(platform, tx, scope, [])
    await postTransfers(
      platform,
      tx,
      Array.from({ length: transfersPerSet }, () => ({
        organizationId,
        workspaceId,
        currency: wallet.currency,
        key: newId(),
        kind: 'correction',
        cause: 'correction',
        causeId: null,
        description: 'A correction',
        entries: { wallet: -unitAmount, corrections: unitAmount },
      })),
    )
  })
}
