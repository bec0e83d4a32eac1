-- Pages of the event log, in its order, of what the filters name. Those of VMs have theirs.
CREATE INDEX "Event_vmType_seq_idx" ON "Event"("vmType", "seq");
CREATE INDEX "Event_kind_seq_idx" ON "Event"("kind", "seq");
CREATE INDEX "Event_vmType_kind_seq_idx" ON "Event"("vmType", "kind", "seq");
CREATE INDEX "Event_goldenImageId_seq" ON "Event"("goldenImageId", "seq") WHERE "goldenImageId" IS NOT NULL;
CREATE INDEX "Event_assignmentId_seq" ON "Event"("assignmentId", "seq") WHERE "assignmentId" IS NOT NULL;

-- Pages of lists, in the order of creation. Rows are never deleted: without these, a page of few among many reads them all.
CREATE INDEX "Vm_status_createdAt_id_idx" ON "Vm"("status", "createdAt", "id");
CREATE INDEX "Vm_vmType_createdAt_id_idx" ON "Vm"("vmType", "createdAt", "id");
CREATE INDEX "Vm_assignedTo_createdAt_id_idx" ON "Vm"("assignedTo", "createdAt", "id");
CREATE INDEX "Vm_live_in_order" ON "Vm"("createdAt", "id") WHERE "cleanedAt" IS NULL;
CREATE INDEX "Assignment_status_createdAt_id_idx" ON "Assignment"("status", "createdAt", "id");
CREATE INDEX "Assignment_vmType_createdAt_id_idx" ON "Assignment"("vmType", "createdAt", "id");
CREATE INDEX "Assignment_assignedTo_createdAt_id_idx" ON "Assignment"("assignedTo", "createdAt", "id");
