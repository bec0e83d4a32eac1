import { assignedTo, aVm } from '../../actions/fields.js';
import { readInput } from '../../actions/readInput.js';
import { parametersOf } from '../verbs.js';

/** Which VM, for whoever works in it. */
export const HELD_VM = readInput('a VM that is worked in', { vmId: aVm(), assignedTo: assignedTo().optional() });

/** What of it stands in the query. */
export const Holder = parametersOf(HELD_VM, ['vmId']);
