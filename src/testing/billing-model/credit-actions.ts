/** Credit notes: an operator gives back what was billed, in whole or in part. */
import { type CreditRequest, creditInvoice } from '../../billing/invoices/credit-notes.ts'
import type { Account } from './account.ts'
import type { Dice, Plan, WeightedPlans } from './actions.ts'
import { creditsOf, type KnownInvoice, totalOf, type Wanted } from './invoices.ts'

/** All that is left, an amount that may be too large, or some units of a line. */
function wantedOf({ lines }: KnownInvoice, dice: Dice): Wanted {
  if (dice.oneIn(3)) return { whole: true }
  const line = dice.pick(lines.filter(({ amount }) => amount > 0n))
  if (line !== undefined && dice.oneIn(2)) return { lineId: line.id, quantity: 1 + dice.below(line.quantity) }
  const left = lines.reduce((sum, one) => sum + totalOf(one.left), 0n)
  return { amount: BigInt(1 + dice.below(Math.max(1, Number(left) + Math.ceil(Number(left) / 10)))) }
}

function requested(wanted: Wanted): CreditRequest['what'] {
  if ('whole' in wanted) return wanted
  if ('amount' in wanted) return { amount: Number(wanted.amount) }
  return { lines: [wanted] }
}

function bodyOf(wanted: Wanted): object {
  if ('whole' in wanted) return { whole: true }
  if ('amount' in wanted) return { amount: Number(wanted.amount) }
  return { lines: [{ line_id: wanted.lineId, quantity: wanted.quantity }] }
}

/** Mostly the latest: the period that it is of may run still. */
function invoiceOf({ invoices }: Account, dice: Dice): KnownInvoice | undefined {
  const all = [...invoices.values()]
  return dice.oneIn(2) ? all.at(-1) : dice.pick(all)
}

const creditSome: Plan = (_view, account, dice) => {
  const invoice = invoiceOf(account, dice)
  if (invoice === undefined) return null
  const wanted = wantedOf(invoice, dice)
  const credits = creditsOf(invoice, wanted)
  const shown = 'amount' in wanted ? `${wanted.amount}` : JSON.stringify(wanted)
  return {
    text: `give back ${shown} of ${invoice.id}`,
    costs: false,
    core: async (platform, tx) => {
      await creditInvoice(platform, tx, invoice.id, { reason: 'Of the model', what: requested(wanted) })
      return []
    },
    api: {
      method: 'POST',
      path: `/v1/invoices/${invoice.id}/credit-notes`,
      body: { reason: 'Of the model', ...bodyOf(wanted) },
      isOperator: true,
    },
    refusal: () => (credits === null ? 'credit_too_large' : null),
    learn: () => {
      account.credits = credits ?? []
      account.isFunded ||= account.credits.some((credit) => totalOf(credit) !== 0n)
    },
  }
}

export const creditPlans: WeightedPlans = [[5, creditSome]]
