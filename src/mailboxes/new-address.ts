/** The address of a new mailbox: the one that was asked for, or a random one that is free. Handles are drawn alike. */
import { randomInt } from 'node:crypto'
import { type DomainName, parseDomainName } from '../domains/names.ts'
import { Refusal } from '../platform/errors.ts'
import { type Address, parseAddress } from './address.ts'

// Without vowels, so that no words come out, and without what is read as something else: 0 and o, 1 and l.
const letters = 'bcdfghjkmnpqrstvwxz'
const symbols = `${letters}23456789`
const symbolsPerName = 10 // 47 bits: not to be guessed by whoever writes to all names of a domain

/** A name of letters and digits that begins with a letter, from the system's secure randomness. */
export function randomName(): string {
  let name = letters.charAt(randomInt(letters.length))
  while (name.length < symbolsPerName) name += symbols.charAt(randomInt(symbols.length))
  return name
}

/** How often a name is drawn until one is free. Past it something is wrong, and the caller is told. */
export const drawsMax = 5

/** An address whose local part is drawn. */
export type RandomAddress = {
  domain: string
  /** Where local parts come from; `randomName` if nothing is said. */
  draw?: () => string
}

export type NewAddress = {
  address: Address
  /** Draws another one, or null where none is free; null itself where an address was asked for. */
  redraw: (() => Address | null) | null
}

/**
 * @param seen the canonical addresses of the call so far, to which a random one is added.
 * @returns a Refusal address_invalid, address_repeated or domain_not_found for what can be none.
 */
export function newAddress(wanted: string | RandomAddress, seen: Set<string>): NewAddress | Refusal {
  if (typeof wanted !== 'string') return randomAddress(wanted, seen)
  const address = parseAddress(wanted)
  if (!address.ok) return new Refusal('address_invalid', `"${wanted}" ${address.problem}.`)
  return seen.has(address.value.address)
    ? new Refusal('address_repeated', `${address.value.address} occurs twice.`)
    : { address: address.value, redraw: null }
}

function randomAddress(
  { domain, draw = randomName }: RandomAddress,
  seen: Set<string>,
): NewAddress | Refusal {
  const name = parseDomainName(domain)
  if (name === null) return new Refusal('domain_not_found', `${domain} is not connected.`)
  const redraw = (): Address | null => drawAddress(name, draw, seen)
  const address = redraw()
  return address === null
    ? new Refusal('address_taken', `No free address was found in ${name}.`)
    : { address, redraw }
}

/** Draws until an address is not among those seen, and adds it to them. */
function drawAddress(domain: DomainName, draw: () => string, seen: Set<string>): Address | null {
  for (let draws = 0; draws < drawsMax; draws++) {
    const address = parseAddress(`${draw()}@${domain}`)
    if (!address.ok || seen.has(address.value.address)) continue
    seen.add(address.value.address)
    return address.value
  }
  return null
}
