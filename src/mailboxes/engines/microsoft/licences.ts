/** Licences: without one of a plan with Exchange, a user has no mailbox. */
import { listOf, member, numberOf, textOf } from '../../../platform/json-members.ts'
import { RemoteFailure } from '../driver.ts'
import type { GraphAsk } from './graph.ts'
import { type GraphUser, readUser, userFields, userPath } from './users.ts'

export type Sku = { id: string; seats: number; freeSeats: number }

/** @throws RemoteFailure rejected when the tenant has never had the SKU. */
export async function readSku(ask: GraphAsk, skuPartNumber: string): Promise<Sku> {
  const skus = listOf(await ask({ method: 'GET', path: '/subscribedSkus' }), 'value')
  const sku = skus.find((one) => textOf(one, 'skuPartNumber').toUpperCase() === skuPartNumber.toUpperCase())
  const id = textOf(sku, 'skuId').toLowerCase()
  if (id === '') {
    const names = skus.map((one) => textOf(one, 'skuPartNumber')).sort()
    const there = names.length === 0 ? 'none' : names.slice(0, 20).join(', ')
    throw new RemoteFailure('rejected', `The tenant has no subscription ${skuPartNumber}; it has ${there}.`)
  }
  const seats = numberOf(member(sku, 'prepaidUnits'), 'enabled', 0)
  return { id, seats, freeSeats: Math.max(seats - numberOf(sku, 'consumedUnits', 0), 0) }
}

export function noSeats({ seats }: Sku, skuPartNumber: string): RemoteFailure {
  return new RemoteFailure('no_seats', `All ${seats} seats of ${skuPartNumber} are taken.`)
}

export type Licensing = { skuPartNumber: string; usageLocation: string }

/** @throws RemoteFailure no_seats; not_ready for a user that is not everywhere yet; and whatever Graph refuses. */
export async function ensureLicence(ask: GraphAsk, id: string, licensing: Licensing): Promise<void> {
  const sku = await readSku(ask, licensing.skuPartNumber)
  const path = `${userPath(id)}?$select=${userFields}`
  const user = readUser(await notYetMissing(ask({ method: 'GET', path })))
  await giveLicence(ask, user, sku, licensing.usageLocation)
}

/** The same for a user that was read, or made, just now. */
export async function giveLicence(
  ask: GraphAsk,
  { user, licences, usageLocation }: GraphUser,
  sku: Sku,
  wantedLocation: string,
): Promise<void> {
  if (licences.includes(sku.id)) return
  const path = userPath(user.id)
  if (usageLocation === null) {
    await notYetMissing(ask({ method: 'PATCH', path, body: { usageLocation: wantedLocation } }))
  }
  const body = { addLicenses: [{ skuId: sku.id, disabledPlans: [] }], removeLicenses: [] }
  await notYetMissing(ask({ method: 'POST', path: `${path}/assignLicense`, body }))
}

/** Of a user that is known to be there: a part of the directory may not know it for some minutes. */
async function notYetMissing(asked: Promise<unknown>): Promise<unknown> {
  try {
    return await asked
  } catch (error) {
    if (!(error instanceof RemoteFailure) || error.kind !== 'not_found') throw error
    throw new RemoteFailure('not_ready', error.message, { requestId: error.requestId })
  }
}
